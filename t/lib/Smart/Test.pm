package Smart::Test;

# Everything a t/*.t needs: Test::More, and real parts on loopback ports.
#
#   use lib 't/lib';
#   use Smart::Test;
#
#   my $issuer = issuer(audience => 'https://fhir.example.org/r4');
#   my $up     = upstream('GET /fhir/Patient/p1' => { json => { resourceType => 'Patient', id => 'p1' } });
#   my $nginx  = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<'EOC');
#       smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
#       server {
#           listen 127.0.0.1:%%PORT%%;
#           location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
#       }
#   EOC
#
#   my $r = $nginx->get('/r4/Patient/p1', bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1'));
#   is($r->status, 200, 'own patient');
#   is($up->last->target, '/fhir/Patient/p1', 'what was judged was sent');
#   done_testing();
#
# Each has its manual at the top of its file: Smart::Nginx (nginx), Smart::Upstream (upstream),
# Smart::Issuer (issuer), Smart::Client (client), Smart::Message (what is received).
#
# Besides: free_port, wait_until { ... } seconds, slurp(path), spew(path, bytes), top (the checkout's
# directory), smartctl(args) -> (exit status, output), outcome_is($r, status, issue code, name): an
# OperationOutcome answer, header_is($r, name, value, name of the test), upstream_got($up, n, name).
#
# done_testing() stops every nginx first: an unexpected [alert] or [emerg] in an error log, or a worker
# that died, is a failed test. All processes end with the test, however it ends. Bytes, not characters,
# everywhere. A test file has 240 seconds.

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use Smart::Client;
use Smart::Issuer;
use Smart::Message;
use Smart::Nginx;
use Smart::Process;
use Smart::Upstream;
use Test::More import => ['!done_testing'];

our @EXPORT = (
    grep({ $_ ne 'done_testing' && $_ ne '$TODO' } @Test::More::EXPORT),
    qw(done_testing nginx upstream issuer client free_port wait_until slurp spew top smartctl
        outcome_is header_is upstream_got)
);

alarm 240;

sub nginx    { return Smart::Nginx->new(@_) }
sub upstream { return Smart::Upstream->new(@_) }
sub issuer   { return Smart::Issuer->new(@_) }
sub client   { return Smart::Client->new(@_) }

sub free_port { return Smart::Process::free_port() }
sub slurp     { return Smart::Nginx::slurp(@_) }
sub spew      { return Smart::Nginx::spew(@_) }
sub top       { return abs_path(dirname(__FILE__) . '/../../..') }

sub wait_until (&;$) {
    my ($code, $seconds) = @_;

    return Smart::Process::wait_until($code, $seconds);
}

sub smartctl {
    my @arguments = @_;
    my $program   = ($ENV{SMART_BUILD} || top() . '/build') . '/smartctl';
    my $pid       = open my $out, '-|';

    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        { exec $program, @arguments };
        POSIX::_exit(127);
    }
    my $output = join '', <$out>;
    close $out;
    return ($? >> 8, $output);
}

sub outcome_is {
    my ($r, $status, $code, $name) = @_;
    my $json  = $r->json;
    my $issue = ref $json eq 'HASH' ? $json->{issue} : undef;
    my $got   = ref $issue eq 'ARRAY' ? join ' ', map { $_->{code} // '' } @$issue : 'no outcome';
    my $type  = ref $json eq 'HASH' ? $json->{resourceType} // 'no type' : 'no JSON';

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is($r->status . " $type $got", "$status OperationOutcome $code", $name)
        || diag($r->error || $r->raw);
}

sub header_is {
    my ($r, $header, $value, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is(join(', ', $r->header_all($header)), $value, $name);
}

# How many requests arrived since the last clear. None is looked for twice: it could come late.
sub upstream_got {
    my ($up, $n, $name) = @_;
    my @requests = $up->wait_requests($n || 1, $n ? 5 : 0.1);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is(scalar @requests, $n, $name) || diag(map { $_->head } @requests);
}

sub done_testing {
    Smart::Nginx::stop_all();
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More->builder->done_testing(@_);
}

1;
