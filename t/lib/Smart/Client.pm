package Smart::Client;

# An HTTP/1.1 client that sends exactly what it is told, on one connection as long as that lives.
#
#   my $c = Smart::Client->new(port => $port);
#   my $r = $c->get('/r4/Patient/1', bearer => $token);          # a Smart::Message
#   my $r = $c->request('POST', '/r4/Patient/_search', bearer => $token,
#                       headers => ['Content-Type' => 'application/x-www-form-urlencoded'],
#                       body => 'name=x');
#
# request() sends Host, the bearer, the given headers in order and spelling (a list of pairs), and
# Content-Length when there is a body (not when headers say Content-Length or Transfer-Encoding
# themselves). `host => undef` sends no Host, `version => '1.0'` another version; `chunked => [parts]`
# sends the parts as chunks; `close => 1` asks for and does close.
#
#   $c->send("GET / HTTP/1.1\r\n...");  my $r = $c->read(method => 'GET');    # bytes of your own
#   $c->rest                                      # whatever follows, until the server closes
#   $c->is_closed                                 # the server closed the connection
#
# Every wait ends after `timeout` (10 s, of the client or of one request): status is 0, error says why.

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use List::Util qw(pairkeys);
use Smart::Message;
use Smart::Wire;
use Time::HiRes qw(time);

sub new {
    my ($class, %self) = @_;

    return bless { host => '127.0.0.1', timeout => 10, %self }, $class;
}

sub get    { my ($self, $target, @rest) = @_; return $self->request('GET',    $target, @rest) }
sub head   { my ($self, $target, @rest) = @_; return $self->request('HEAD',   $target, @rest) }
sub put    { my ($self, $target, @rest) = @_; return $self->request('PUT',    $target, @rest) }
sub post   { my ($self, $target, @rest) = @_; return $self->request('POST',   $target, @rest) }
sub patch  { my ($self, $target, @rest) = @_; return $self->request('PATCH',  $target, @rest) }
sub delete { my ($self, $target, @rest) = @_; return $self->request('DELETE', $target, @rest) }

sub request {
    my ($self, $method, $target, %how) = @_;
    my $timeout = $how{timeout} || $self->{timeout};

    $self->close if $self->{wire} && $self->is_closed;
    $self->send($self->compose($method, $target, %how), $timeout)
        or return failure('cannot connect or send');
    my $response = $self->read(method => $method, timeout => $timeout);
    $self->close if $how{close};
    return $response;
}

# The bytes of a request.
sub compose {
    my ($self, $method, $target, %how) = @_;
    my @headers = @{ $how{headers} || [] };
    my $names   = lc join ' ', pairkeys @headers;
    my $host    = exists $how{host} ? $how{host} : "$self->{host}:$self->{port}";
    my $body    = defined $how{body} ? $how{body} : '';
    my @lines;

    push @lines, Host => $host if defined $host && $names !~ /\bhost\b/;
    push @lines, Authorization => "Bearer $how{bearer}" if defined $how{bearer};
    push @lines, Connection => 'close' if $how{close};
    push @lines, @headers;
    if ($how{chunked}) {
        push @lines, 'Transfer-Encoding' => 'chunked';
        $body = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } @{ $how{chunked} };
        $body .= "0\r\n\r\n";
    } elsif (defined $how{body} && $names !~ /content-length|transfer-encoding/) {
        push @lines, 'Content-Length' => length $body;
    }
    my $head = "$method $target HTTP/" . ($how{version} || '1.1') . "\r\n";
    while (my ($name, $value) = splice @lines, 0, 2) {
        $head .= "$name: $value\r\n";
    }
    return "$head\r\n$body";
}

sub connect {
    my ($self) = @_;

    return $self->{wire} if $self->{wire};
    my $socket = IO::Socket::INET->new(
        PeerAddr => $self->{host},
        PeerPort => $self->{port},
        Timeout  => $self->{timeout},
    ) or return;
    return $self->{wire} = Smart::Wire->new($socket);
}

sub send {
    my ($self, $bytes, $timeout) = @_;
    my $wire = $self->connect or return 0;

    # A server may answer and close before it has read everything: the answer is still to be read.
    return $wire->write($bytes, time + ($timeout || $self->{timeout})) || $!{EPIPE}
        || $!{ECONNRESET};
}

# One response; 1xx responses before it are in its `interim`.
sub read {
    my ($self, %how) = @_;
    my $wire     = $self->{wire} or return failure('not connected');
    my $deadline = time + ($how{timeout} || $self->{timeout});
    my @interim;

    while (1) {
        my $head = $wire->head($deadline);
        return $self->unreadable($wire) unless defined $head;
        my ($start, $headers) = Smart::Message::parse_head($head);
        my ($version, $status, $reason) = $start =~ m{^HTTP/([\d.]+) (\d{3}) ?(.*)$}
            or return failure("not a status line: $start");
        my %message = (version => $version, status => $status, reason => $reason,
            head => $head, headers => $headers);
        if ($status =~ /^1/ && $status != 101) {
            push @interim, Smart::Message->new(%message);
            next;
        }
        my ($raw, $body, $complete) = ('', '', 1);
        if (($how{method} || '') ne 'HEAD' && $status != 204 && $status != 304) {
            ($raw, $body, $complete) = $wire->body($deadline, $headers, 1);
        }
        return Smart::Message->new(%message, body => $body, complete => $complete,
            raw => $head . $raw, interim => \@interim);
    }
}

sub unreadable {
    my ($self, $wire) = @_;
    my $got = $wire->{in};

    return failure(($wire->{eof} ? 'connection closed' : 'timed out') . ' before a response', $got);
}

sub failure {
    my ($error, $raw) = @_;

    return Smart::Message->new(status => 0, error => $error, raw => $raw, complete => 0);
}

# Everything until the server closes, or until the time ends.
sub rest {
    my ($self, $timeout) = @_;
    my $wire     = $self->{wire} or return '';
    my $deadline = time + ($timeout || $self->{timeout});

    1 while $wire->more($deadline);
    return substr $wire->{in}, 0, length $wire->{in}, '';
}

sub is_closed {
    my ($self) = @_;
    my $wire = $self->{wire} or return 1;

    $wire->more(time + 0.0001) unless length $wire->{in};
    return $wire->{eof} && !length $wire->{in};
}

sub close {
    my ($self) = @_;
    my $wire = CORE::delete $self->{wire};

    $wire->socket->close if $wire;
    return;
}

1;
