package Smart::Upstream;

# A recording HTTP/1.1 server on a loopback port, answering by a table of rules.
#
#   my $up = Smart::Upstream->new(
#       'GET /fhir/Patient/1' => { json => { resourceType => 'Patient', id => '1' } },
#       qr{^GET /fhir/Slow}   => { delay => 2, body => 'late' },
#       qr{^/fhir/}           => sub { my ($request) = @_; return { status => 404 } },
#   );
#   proxy_pass http://127.0.0.1:%%UPSTREAM%%/...                with vars => { UPSTREAM => $up->port }
#
# A key is compared with "METHOD path" (no query): a string exactly, a pattern by matching; a pattern
# that begins with ^/ is compared with the path alone. The first match answers; none: 404. An answer:
#
#   status, reason            200
#   headers                   [Name => value, ...]; Content-Type is application/fhir+json unless given
#   body | json               bytes | data, encoded
#   chunked => 1 | [parts]    Transfer-Encoding: chunked; chunk_delay => seconds between parts
#   parts => [..]             body sent in these writes, part_delay => seconds between them
#   delay => seconds          before the first byte
#   truncate => n             only n bytes of the body, then the connection is closed
#   close => 1                Connection: close;   drop => 1: closes without an answer
#   raw => bytes              the whole response; the connection is closed after it
#
# Every request is recorded before it is answered:
#
#   $up->requests             list of Smart::Message, since the start or the last clear
#   $up->wait_requests(n)     the same, once there are n or 5 seconds have passed
#   $up->last; $up->clear;  $up->set(rules)   other rules from now on (open connections are closed)

use strict;
use warnings;
use Fcntl qw(:flock);
use File::Temp;
use IO::Select;
use JSON::PP ();
use List::Util qw(pairkeys);
use POSIX ();
use Smart::Message;
use Smart::Process;
use Smart::Wire;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Storable qw(freeze thaw);
use Time::HiRes qw(sleep time);

my %reasons = (
    200 => 'OK', 201 => 'Created', 204 => 'No Content', 206 => 'Partial Content',
    301 => 'Moved Permanently', 302 => 'Found', 304 => 'Not Modified', 400 => 'Bad Request',
    401 => 'Unauthorized', 403 => 'Forbidden', 404 => 'Not Found', 409 => 'Conflict',
    410 => 'Gone', 412 => 'Precondition Failed', 429 => 'Too Many Requests',
    500 => 'Internal Server Error', 502 => 'Bad Gateway', 503 => 'Service Unavailable',
);

sub new {
    my ($class, @rules) = @_;
    my $port   = Smart::Process::free_port();
    my $listen = Smart::Process::listener($port) or die "listen $port: $!";
    my $self   = bless {
        port   => $port,
        listen => $listen,
        log    => File::Temp->new(TEMPLATE => 'smart-upstream-XXXXXX', TMPDIR => 1),
    }, $class;

    $self->set(@rules);
    return $self;
}

sub port    { $_[0]{port} }
sub address { "127.0.0.1:$_[0]{port}" }
sub url     { "http://127.0.0.1:$_[0]{port}" }

sub set {
    my ($self, @rules) = @_;

    $self->stop;
    pipe my $gone, my $held or die "pipe: $!";
    $self->{pid} = Smart::Process::spawn('upstream', sub {
        setpgrp 0, 0;
        $self->serve(\@rules, $held);
    });
    setpgrp $self->{pid}, $self->{pid};
    $self->{gone} = $gone;
    return $self;
}

# Nothing accepts any more, and no connection is left; the port stays ours, so that new connections
# wait until set() is called.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill 'TERM', -$pid;
    Smart::Process::stop($pid, 'TERM', 5);
    # The pipe ends with the last process that holds it.
    my $gone = delete $self->{gone};
    IO::Select->new($gone)->can_read(5) or die "a connection of the upstream does not end\n";
    return;
}

# The port refuses connections from now on.
sub shut {
    my ($self) = @_;

    $self->stop;
    close delete $self->{listen};
    return;
}

sub requests {
    my ($self) = @_;

    open my $in, '<:raw', $self->{log}->filename or die $!;
    local $/;
    return map { Smart::Message->new(%{ thaw($_) }) } unpack '(N/a)*', scalar <$in> // '';
}

sub last { return (requests(@_))[-1] }

sub wait_requests {
    my ($self, $n, $seconds) = @_;

    Smart::Process::wait_until(sub { my @all = $self->requests; @all >= $n }, $seconds || 5);
    return $self->requests;
}

sub clear {
    my ($self) = @_;

    truncate $self->{log}->filename, 0 or die $!;
    return;
}

# --- in the child process: one process for each connection

# $held is only kept open.
sub serve {
    my ($self, $rules, $held) = @_;

    local $SIG{CHLD} = 'IGNORE';
    $self->{listen}->blocking(1);
    while (1) {
        my $socket = $self->{listen}->accept or next;
        my $parent = $$;
        my $pid    = fork;
        next if !defined $pid || $pid;
        Smart::Process::die_with_parent($parent);
        setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
        eval { $self->connection(Smart::Wire->new($socket), $rules); 1 }
            or print STDERR "# upstream: $@";
        POSIX::_exit(0);
    }
}

sub connection {
    my ($self, $wire, $rules) = @_;

    while (my $request = $self->read_request($wire)) {
        $self->record($request);
        return unless $request->complete;
        my $answer = find($rules, $request);
        return unless answer($wire, $request, $answer);
    }
    return;
}

sub read_request {
    my ($self, $wire) = @_;
    my $deadline = time + 60;
    my $head     = $wire->head($deadline);

    if (!defined $head) {
        return unless length $wire->{in};
        return Smart::Message->new(head => $wire->{in}, raw => $wire->{in}, complete => 0);
    }
    my ($start, $headers) = Smart::Message::parse_head($head);
    my ($method, $target, $version) = split / /, $start;
    my ($raw, $body, $complete) = $wire->body($deadline, $headers, 0);
    return Smart::Message->new(
        method => $method, target => $target, version => ($version || '') =~ s{^HTTP/}{}r,
        head => $head, headers => $headers, body => $body, raw => $head . $raw,
        complete => $complete ? 1 : 0,
    );
}

# In one write: readers see whole records.
sub record {
    my ($self, $request) = @_;

    open my $out, '>>:raw', $self->{log}->filename or die $!;
    flock $out, LOCK_EX;
    syswrite $out, pack 'N/a*', freeze({%$request});
    close $out;
    return;
}

sub find {
    my ($rules, $request) = @_;
    my $path = defined $request->path ? $request->path : '';
    my $full = $request->method . " $path";

    for (my $i = 0; $i < @$rules; $i += 2) {
        my ($key, $answer) = @$rules[$i, $i + 1];
        my $subject = $key =~ m{^\(\?\^\w*:\^/} ? $path : $full;
        next unless ref $key ? $subject =~ $key : $full eq $key;
        return ref $answer eq 'CODE' ? $answer->($request) : $answer;
    }
    return { status => 404, json => { resourceType => 'OperationOutcome',
        issue => [{ severity => 'error', code => 'not-found' }] } };
}

# True when the connection can serve another request.
sub answer {
    my ($wire, $request, $answer) = @_;
    my $deadline = time + 60;

    sleep $answer->{delay} if $answer->{delay};
    return 0 if $answer->{drop};
    if (defined $answer->{raw}) {
        $wire->write($answer->{raw}, $deadline);
        return 0;
    }

    my @parts = $answer->{parts} ? @{ $answer->{parts} } : (content($answer));
    @parts = @{ $answer->{chunked} } if ref $answer->{chunked};
    my $close = $answer->{close} || lc($request->header('Connection') || '') eq 'close'
        || ($request->version eq '1.0' && lc($request->header('Connection') || '') ne 'keep-alive');
    my $status = $answer->{status} || 200;

    my $head   = compose_head($answer, $status, $close, length join '', @parts);

    $wire->write($head, $deadline) or return 0;
    return !$close if $request->method eq 'HEAD' || $status == 204 || $status == 304;
    if (defined $answer->{truncate}) {
        my $framed = $answer->{chunked} ? join '', map { chunk($_) } @parts : join '', @parts;
        $wire->write(substr($framed, 0, $answer->{truncate}), $deadline);
        return 0;
    }
    write_parts($wire, $answer, \@parts, $deadline) or return 0;
    return !$close;
}

sub content {
    my ($answer) = @_;

    return JSON::PP->new->utf8->canonical->encode($answer->{json}) if exists $answer->{json};
    return defined $answer->{body} ? $answer->{body} : '';
}

sub compose_head {
    my ($answer, $status, $close, $length) = @_;
    my @headers = @{ $answer->{headers} || [] };
    my %given   = map { lc $_ => 1 } pairkeys @headers;
    my $reason  = $answer->{reason} || $reasons{$status} || 'Status';
    my $head    = "HTTP/1.1 $status $reason\r\n";

    push @headers, 'Content-Type' => 'application/fhir+json'
        if $length && !exists $given{'content-type'};
    if ($answer->{chunked}) {
        push @headers, 'Transfer-Encoding' => 'chunked';
    } elsif (!$given{'content-length'} && !$given{'transfer-encoding'} && $status != 204) {
        push @headers, 'Content-Length' => $length;
    }
    push @headers, Connection => $close ? 'close' : 'keep-alive' unless $given{connection};
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n" if defined $value;
    }
    return "$head\r\n";
}

sub write_parts {
    my ($wire, $answer, $parts, $deadline) = @_;
    my $delay = $answer->{part_delay} || $answer->{chunk_delay};

    for my $i (0 .. $#$parts) {
        sleep $delay if $delay && $i;
        my $bytes = $answer->{chunked} ? chunk($parts->[$i]) : $parts->[$i];
        $wire->write($bytes, $deadline) or return 0;
    }
    return 1 unless $answer->{chunked};
    return $wire->write("0\r\n\r\n", $deadline);
}

sub chunk {
    my ($bytes) = @_;

    return length $bytes ? sprintf "%x\r\n%s\r\n", length $bytes, $bytes : '';
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $@);
    $self->stop if $self->{pid} && exists $Smart::Process::children{ $self->{pid} };
}

1;
