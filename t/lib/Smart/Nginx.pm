package Smart::Nginx;

# A real nginx with a configuration of the test's, in a directory of its own.
#
#   my $nginx = Smart::Nginx->new(vars => { UPSTREAM => $up->port }, conf => <<'EOC');
#       server {
#           listen 127.0.0.1:%%PORT%%;
#           location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
#       }
#   EOC
#   $nginx->get('/r4/Patient/1', bearer => $token)      # any request of Smart::Client, new connection
#
# conf is what stands in http { }. %%PORT%%, %%PORT2%% ... become free ports, %%PREFIX%% the directory,
# %%NAME%% what `vars` says. Options:
#
#   workers => 1, main => '' (top level), events => '', module => 1 (0: not loaded)
#   log_level => 'info' ('debug' says all), files => { 'html/x' => bytes }, env => { NAME => value }
#   allow => [qr/.../]   [alert], [emerg] or "exited on signal" in the error log that is expected
#   start => 0           writes everything, starts nothing: ->start later
#
#   $nginx->stop             graceful (QUIT); ->stop('TERM') fast. Then the error log is judged: an
#                            unexpected [alert] or [emerg], or a worker that died, fails the test
#   $nginx->reload           true when new workers run; false when the configuration is refused.
#                            ->reload(conf => ...) with another configuration, same ports
#   $nginx->port(2), ->prefix, ->master, ->workers (pids), ->client(options)
#   $nginx->log              the error log; ->mark, ->log_since_mark, ->wait_log(qr/../) since the mark
#   $nginx->access_log       ->wait_access_log(qr/../): it is written after the answer was sent
#   my ($ok, $output) = Smart::Nginx->check(conf => ...)         nginx -t
#
# Environment: SMART_NGINX another binary, SMART_MODULE another module ('' for a static build),
# SMART_VALGRIND=1 runs everything under valgrind, SMART_KEEP=1 keeps the directories. A binary built with
# sanitizers (make sanitized) fails the test by what they find; SMART_SANITIZED=1 says that it is one.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp;
use Scalar::Util qw(weaken);
use Smart::Client;
use Smart::Process;
use Test::Builder;

my $alarming = qr/\[(?:alert|emerg)\]|exited on signal|exited with fatal code/;
my $top      = abs_path(dirname(__FILE__) . '/../../..');
my %running;
my $owner = $$;
my $late  = 0;    # a log judged when no test could be added any more

sub new {
    my ($class, %self) = @_;
    my $self = bless {
        workers   => 1,
        main      => '',
        events    => '',
        module    => 1,
        log_level => 'info',
        allow     => [],
        vars      => {},
        files     => {},
        env       => {},
        ports     => {},
        mark      => 0,
        start     => 1,
        %self,
    }, $class;

    $self->{dir} = File::Temp->newdir('smart-nginx-XXXXXX', TMPDIR => 1,
        CLEANUP => !$ENV{SMART_KEEP});
    $self->write_files;
    $self->start if $self->{start};
    return $self;
}

sub check {
    my ($class, %self) = @_;
    my $self = $class->new(%self, start => 0);
    my @command = $self->command('-t');
    my $pid = open my $out, '-|';

    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        $self->set_environment;
        { exec @command };
        POSIX::_exit(127);
    }
    my $output = join '', <$out>;
    close $out;
    return ($? == 0, $output);
}

sub prefix { "$_[0]{dir}" }
sub master { $_[0]{pid} }
sub port   { my ($self, $n) = @_; return $self->{ports}{ 'PORT' . ($n && $n > 1 ? $n : '') } }
sub url    { 'http://127.0.0.1:' . $_[0]->port }

sub client {
    my ($self, %options) = @_;

    return Smart::Client->new(port => $self->port, %options);
}

for my $method (qw(request get head put post patch delete)) {
    no strict 'refs';
    *$method = sub { my $self = shift; return $self->client->$method(@_, close => 1) };
}

sub workers {
    my ($self) = @_;
    my $pid = $self->{pid} or return;

    return map { split ' ' } slurp("/proc/$pid/task/$pid/children");
}

# --- configuration

sub binary { return $ENV{SMART_NGINX} || '/usr/sbin/nginx' }

sub module_path {
    return $ENV{SMART_MODULE} if defined $ENV{SMART_MODULE};
    return ($ENV{SMART_BUILD} || "$top/build") . '/module/ngx_http_smart_module.so';
}

sub command {
    my ($self, @more) = @_;
    my $prefix = $self->prefix;

    return (binary(), '-p', "$prefix/", '-c', "$prefix/nginx.conf", '-e', "$prefix/error.log", @more);
}

sub set_environment {
    my ($self) = @_;

    $ENV{$_} = $self->{env}{$_} for keys %{ $self->{env} };
    return;
}

sub write_files {
    my ($self) = @_;
    my $prefix = $self->prefix;

    # Workers of a root master may be another user's.
    chmod 0755, $prefix;
    make_path(map { "$prefix/temp_$_" } qw(body proxy fastcgi uwsgi scgi));
    for my $name (keys %{ $self->{files} }) {
        make_path(dirname("$prefix/$name"));
        spew("$prefix/$name", $self->{files}{$name});
    }
    spew("$prefix/nginx.conf", $self->full_conf);
    return;
}

sub full_conf {
    my ($self) = @_;
    my $module = $self->{module} ? module_path() : '';
    my $load   = length $module ? "load_module $module;" : '';
    my $user   = $> == 0 ? 'user root;' : '';

    return $self->expand(<<"EOC");
$load
$user
daemon off;
worker_processes $self->{workers};
pid %%PREFIX%%/nginx.pid;
error_log %%PREFIX%%/error.log $self->{log_level};
worker_shutdown_timeout 10s;
$self->{main}
events {
    worker_connections 512;
    $self->{events}
}
http {
    access_log %%PREFIX%%/access.log;
    client_body_temp_path %%PREFIX%%/temp_body;
    proxy_temp_path %%PREFIX%%/temp_proxy;
    fastcgi_temp_path %%PREFIX%%/temp_fastcgi;
    uwsgi_temp_path %%PREFIX%%/temp_uwsgi;
    scgi_temp_path %%PREFIX%%/temp_scgi;
    $self->{conf}
}
EOC
}

sub expand {
    my ($self, $text) = @_;

    $text =~ s/%%(\w+)%%/$self->value($1)/ge;
    return $text;
}

sub value {
    my ($self, $name) = @_;

    return $self->prefix if $name eq 'PREFIX';
    return $self->{vars}{$name} if defined $self->{vars}{$name};
    return $self->{ports}{$name} ||= Smart::Process::free_port() if $name =~ /^PORT\d*$/;
    die "the configuration says %%$name%%, and vars has no $name\n";
}

# --- life

sub start {
    my ($self) = @_;
    my $seconds = $ENV{SMART_VALGRIND} ? 60 : 10;

    $self->{pid} = Smart::Process::spawn('nginx', sub {
        my @command = $self->command;
        open STDOUT, '>', $self->prefix . '/output';
        open STDERR, '>&', \*STDOUT;
        unshift @command, $self->valgrind if $ENV{SMART_VALGRIND};
        $self->set_environment;
        $SIG{PIPE} = 'DEFAULT';
        { exec @command };
    });
    weaken($running{ $self->{pid} } = $self);
    Smart::Process::wait_until(sub { $self->ended || $self->is_up }, $seconds);
    if (!$self->{pid} || !$self->is_up) {
        die "nginx did not start:\n" . $self->output . $self->log;
    }
    return $self;
}

sub is_up {
    my ($self) = @_;
    my @listening = values %{ $self->{ports} };

    return 0 unless -s $self->prefix . '/nginx.pid' && $self->workers;
    return !grep { $self->uses($_) && !Smart::Process::listens($_) } @listening;
}

# A %%PORT%% may also name something that is not a listening socket of nginx.
sub uses {
    my ($self, $port) = @_;

    return slurp($self->prefix . '/nginx.conf') =~ /listen\s+(?:127\.0\.0\.1:)?$port\b(?!.*\b(?:quic|udp)\b)/;
}

# The master ended by itself.
sub ended {
    my ($self) = @_;

    return 1 unless $self->{pid};
    return 0 unless waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
    delete $running{ $self->{pid} };
    delete $Smart::Process::children{ delete $self->{pid} };
    return 1;
}

sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;

    delete $running{$pid};
    Smart::Process::stop($pid, $signal || 'QUIT', 15);
    $self->judge_log;
    return;
}

sub reload {
    my ($self, %changes) = @_;
    my %before = map { $_ => 1 } $self->workers;

    @$self{ keys %changes } = values %changes;
    $self->write_files;
    my $at = length $self->log;
    kill 'HUP', $self->{pid};
    my $log = '';
    Smart::Process::wait_until(sub {
        $log = substr $self->log, $at;
        return $log =~ /\[emerg\]/ || grep { !$before{$_} } $self->workers;
    }, 10);
    return 0 if $log =~ /\[emerg\]/;
    # Old workers stop accepting before new ones are alone.
    Smart::Process::wait_until(sub { !grep { $before{$_} } $self->workers }, 10);
    return 1;
}

sub signal {
    my ($self, $signal) = @_;

    return kill $signal, $self->{pid};
}

# --- what it said

sub log        { return slurp($_[0]->prefix . '/error.log') }
sub access_log { return slurp($_[0]->prefix . '/access.log') }
sub output     { return slurp($_[0]->prefix . '/output') }

sub mark {
    my ($self) = @_;

    $self->{mark} = length $self->log;
    return;
}

sub log_since_mark { return substr $_[0]->log, $_[0]{mark} }

# Waits for a line in the error log (since the mark).
sub wait_log {
    my ($self, $pattern, $seconds) = @_;

    return Smart::Process::wait_until(sub { $self->log_since_mark =~ $pattern }, $seconds || 5);
}

# The access log is written after the client has its answer.
sub wait_access_log {
    my ($self, $pattern, $seconds) = @_;

    return Smart::Process::wait_until(sub { $self->access_log =~ $pattern }, $seconds || 5);
}

sub judge_log {
    my ($self) = @_;
    my $test = Test::Builder->new;
    my @bad  = grep { $_ =~ $alarming } split /\n/, $self->log;

    for my $allowed (@{ $self->{allow} }) {
        @bad = grep { $_ !~ $allowed } @bad;
    }
    push @bad, $self->valgrind_errors;
    # nginx makes its error log its standard error: workers' findings are there
    # (nginx's own HTTP/2 writes its frames wherever they begin: src/..., ours is /.../src/...)
    push @bad, grep { /ERROR: \w+Sanitizer|runtime error:/ && !m{^src/\S+ runtime error: \w+ (?:to|of) misaligned address} } map { split /\n/ } $self->output, $self->log;
    return unless @bad;
    if (defined $test->has_plan) {
        $test->diag("nginx: $_") for @bad;
        $late = 1;
        return;
    }
    $test->ok(0, 'nginx ran without alerts');
    $test->diag($_) for @bad;
    return;
}

sub valgrind {
    my ($self) = @_;

    return ('valgrind', '--quiet', '--trace-children=yes', '--error-exitcode=99',
        '--log-file=' . $self->prefix . '/valgrind.%p');
}

sub valgrind_errors {
    my ($self) = @_;

    return unless $ENV{SMART_VALGRIND};
    return map { split /\n/, slurp($_) } glob $self->prefix . '/valgrind.*';
}

sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or return '';
    local $/;
    my $bytes = <$in>;
    return defined $bytes ? $bytes : '';
}

sub spew {
    my ($path, $bytes) = @_;

    open my $out, '>:raw', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
    return;
}

# What a test left running is stopped and judged before its plan is closed, or at the latest at its
# end.
sub stop_all {
    $_->stop for grep { $_ } values %running;
    return;
}

END {
    if ($$ == $owner) {
        my $status = $?;
        stop_all();
        $? = $status || $late;
    }
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $@);
    $self->stop if $self->{pid} && $running{ $self->{pid} };
    return;
}

1;
