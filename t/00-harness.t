#!/usr/bin/perl
# The harness itself: what the other tests rely on must be true before they say anything.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Crypt::JWT qw(decode_jwt);
use File::Temp;
use JSON::PP ();
use POSIX ();

my $json = JSON::PP->new->utf8->canonical;

my $up = upstream(
    'GET /fhir/Patient/1'  => { json => { resourceType => 'Patient', id => '1' } },
    'GET /fhir/exact'      => { body => "1.50\0\xff", headers => ['X-A' => 'one', 'X-A' => 'two'] },
    'GET /fhir/chunked'    => { chunked => ['ab', '', 'cde'] },
    'GET /fhir/truncated'  => { body => 'x' x 1000, truncate => 10 },
    'GET /fhir/slow'       => { delay => 0.5, body => 'late' },
    'GET /fhir/dropped'    => { drop => 1 },
    'GET /fhir/raw'        => { raw => "HTTP/1.0 299 Odd\r\nX: y\r\n\r\nbody" },
    qr{^POST /fhir/}       => sub { return { status => 201, body => $_[0]->body } },
    qr{^/fhir/any}         => { status => 204 },
);
my $conf = <<'EOC';
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4 { proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location = /here { return 200 "%%NAME%%\n"; }
        location = /file { alias %%PREFIX%%/page; }
    }
EOC
my %how = (module => 0, conf => $conf, vars => { UPSTREAM => $up->port, NAME => 'first' },
    files => { page => 'of the test' });
my $nginx = nginx(%how);

subtest 'through nginx to the recording upstream' => sub {
    my $r = $nginx->get('/r4/Patient/1?a=b%20c', headers => ['X-Odd-Case' => 'Kept']);

    is($r->status, 200, 'status');
    is($r->header('content-type'), 'application/fhir+json', 'type');
    is_deeply($r->json, { resourceType => 'Patient', id => '1' }, 'body');
    my ($got, @more) = $up->requests;
    is(scalar @more, 0, 'one request');
    is($got->method, 'GET', 'its method');
    is($got->target, '/fhir/Patient/1?a=b%20c', 'its target, untouched');
    is($got->path . ' ' . $got->query, '/fhir/Patient/1 a=b%20c', 'in two');
    is($got->header('x-odd-case'), 'Kept', 'its header');
    like($got->head, qr/^X-Odd-Case: Kept\r$/m, 'as spelled');

    $up->clear;
    upstream_got($up, 0, 'cleared');
    $r = $nginx->post('/r4/x', body => "a\0b");
    is($r->status . ' ' . $r->body, "201 a\0b", 'a body there and back');
    is($up->last->body, "a\0b", 'recorded');
    $r = $nginx->post('/r4/x', chunked => ['a', 'bc']);
    is($r->body, 'abc', 'a chunked body');
    is($nginx->get('/r4/none')->status, 404, 'no rule');
    is($nginx->delete('/r4/any/1')->status, 204, 'a pattern');
};

subtest 'exact bytes and faults' => sub {
    my $r = $nginx->get('/r4/exact');
    is($r->body, "1.50\0\xff", 'bytes');
    is_deeply([$r->header_all('X-A')], ['one', 'two'], 'headers in order');
    $r = $nginx->get('/r4/chunked');
    is($r->body, 'abcde', 'chunks');
    ok($r->complete, 'complete');
    $r = $nginx->get('/r4/truncated');
    is(length $r->body, 10, 'truncated');
    ok(!$r->complete, 'and seen to be');
    is($nginx->get('/r4/slow', timeout => 0.1)->status, 0, 'a timeout');
    is($nginx->get('/r4/slow')->body, 'late', 'late enough');
    is($nginx->get('/r4/dropped')->status, 502, 'dropped');
    is($nginx->get('/r4/raw')->status, 299, 'raw');
};

subtest 'the client' => sub {
    my $c = $nginx->client;
    is($c->get('/here')->body, "first\n", 'one request');
    is($c->head('/here')->body, '', 'HEAD on the same connection');
    is($c->get('/here', close => 1)->body, "first\n", 'a third');
    $c->send("GET /here HTTP/1.1\r\nHost: a\r\n\r\nGET /file HTTP/1.1\r\nHost: a\r\n\r\n");
    is($c->read->body . $c->read->body, "first\nof the test", 'pipelined, byte by byte ours');
    $c->send("nonsense\r\n\r\n");
    is($c->read->status, 400, 'nonsense arrives');
    ok($c->is_closed, 'and closes');
    like(client(port => $nginx->port)->compose('GET', '/', bearer => 't', host => undef),
        qr{^GET / HTTP/1.1\r\nAuthorization: Bearer t\r\n\r\n$}, 'composed');
    like(client(port => free_port())->get('/')->error, qr/connect/, 'nobody there');
};

subtest 'the life of nginx' => sub {
    my @workers = $nginx->workers;
    is(scalar @workers, 1, 'one worker');
    ok($nginx->reload(vars => { UPSTREAM => $up->port, NAME => 'second' }), 'reloads');
    is($nginx->get('/here')->body, "second\n", 'and serves the new');
    isnt(($nginx->workers)[0], $workers[0], 'by a new worker');
    is($nginx->get('/file')->body, 'of the test', 'files');
    $nginx->mark;
    $up->set(qr/./ => { status => 500 });
    is($nginx->get('/r4/Patient/1')->status, 500, 'the upstream under other rules');
    ok($nginx->wait_access_log(qr{GET /r4/Patient/1 }), 'access log');
    unlike($nginx->log_since_mark, qr/first/, 'error log since a mark');

    my ($ok, $output) = Smart::Nginx->check(%how, conf => "server { nonsense; }");
    ok(!$ok, 'a bad configuration');
    like($output, qr/unknown directive "nonsense"/, 'and why');
    ($ok, $output) = Smart::Nginx->check(%how);
    ok($ok, 'a good one') or diag($output);
    ok(!eval { nginx(%how, conf => 'nonsense;'); 1 }, 'a bad one does not start');
    like($@, qr/unknown directive "nonsense"/, 'and says why');

    my $pid = $nginx->master;
    $nginx->stop;
    ok(!kill(0, $pid), 'stopped');
    is($nginx->get('/here')->status, 0, 'nobody answers');
};

# A test inside the test, whose own result is what is tested. What a killed one leaves behind goes with
# its directory.
sub run_inner {
    my ($code) = @_;
    local $ENV{TMPDIR} = File::Temp->newdir;
    my $pid = open my $out, '-|';

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        { exec $^X, '-It/lib', '-MSmart::Test', '-e', $code };
        POSIX::_exit(127);
    }
    my $output = join '', <$out>;
    close $out;
    return ($?, $output);
}

subtest 'what must fail, fails' => sub {
    my $start = 'my $n = nginx(module => 0, conf => "server { listen 127.0.0.1:%%PORT%%; }"); ok(1);';
    my ($status, $output) = run_inner("$start done_testing();");
    is($status, 0, 'a quiet nginx') or diag($output);

    my $crash = 'kill "SEGV", $n->workers; $n->wait_log(qr/exited on signal/);';
    ($status, $output) = run_inner("$start $crash done_testing();");
    isnt($status, 0, 'a worker that dies');
    like($output, qr/exited on signal 11/, 'named');
    ($status, $output) = run_inner("use Test::More tests => 1; $start $crash");
    isnt($status, 0, 'also under a plan given before');
    ($status, $output) = run_inner("$start \$n->{allow} = [qr/signal 11/]; $crash done_testing();");
    is($status, 0, 'unless the test expects it') or diag($output);

    ($status, $output) = run_inner("$start print 'pid ', \$n->master, qq(\\n); die 'early';");
    isnt($status, 0, 'a test that dies');
    my ($pid) = $output =~ /^pid (\d+)/m;
    ok($pid && !kill(0, $pid), 'takes its nginx along');
    ($status, $output) = run_inner(
        "$start my \$u = upstream(); \$| = 1; print qq(pid \$u->{pid}\\n); kill 'KILL', \$\$;");
    ($pid) = $output =~ /^pid (\d+)/m;
    ok($pid && (wait_until { !kill 0, $pid } 5), 'also a test that is killed');
};

subtest 'the issuer' => sub {
    my $issuer = issuer(path => '/realms/x');
    my $c      = client(port => $issuer->port);
    my $openid = $c->get('/realms/x/.well-known/openid-configuration')->json;

    is($openid->{issuer}, $issuer->uri, 'OpenID metadata');
    is($c->get('/.well-known/oauth-authorization-server/realms/x')->json->{jwks_uri},
        $issuer->jwks_uri, 'RFC 8414');
    is($c->get('/realms/x/.well-known/smart-configuration')->json->{issuer},
        $issuer->uri, 'SMART configuration');
    is($issuer->gets('openid') . $issuer->gets('jwks'), '10', 'counted');

    my $keys = $c->get('/realms/x/jwks')->json;
    my %algs = (rsa => [qw(RS256 RS384 RS512 PS256 PS384 PS512)], p256 => ['ES256'],
        p384 => ['ES384'], p521 => ['ES512'], ed25519 => ['EdDSA']);
    for my $key (sort keys %algs) {
        for my $alg (@{ $algs{$key} }) {
            my $token  = $issuer->token(key => $key, alg => $alg, patient => 'p1', sub => undef);
            my $claims = eval { decode_jwt(token => $token, kid_keys => $keys, verify_exp => 1) };
            is($claims && $claims->{patient}, 'p1', "Crypt::JWT verifies $alg") or diag($@);
            ok($claims && !exists $claims->{sub}, 'without the claim left out');
        }
    }
    my $foreign = $issuer->token(key => 'rsa2', header => { kid => $issuer->kid('rsa') });
    ok(!eval { decode_jwt(token => $foreign, kid_keys => $keys) }, 'not what another key signed');
    my $forged = $issuer->forge(header => '{"alg":"none"}', payload => '{"a":1,"a":2}', signature => '');
    is($forged, 'eyJhbGciOiJub25lIn0.eyJhIjoxLCJhIjoyfQ.', 'raw strings');
    like($issuer->token(key => 'secret', alg => 'HS256'), qr/^[\w-]+\.[\w-]+\.[\w-]{43}$/, 'HS256');

    $issuer->answer(jwks => { status => 503, headers => ['Retry-After' => 1] });
    my $r = $c->get('/realms/x/jwks');
    is($r->status . $r->header('Retry-After'), '5031', 'a fault');
    $issuer->answer(jwks => undef);
    $issuer->publish('rsa2');
    is($c->get('/realms/x/jwks')->json->{keys}[0]{kid}, 'rsa2-key', 'another key');
    is($issuer->gets('jwks'), 3, 'all counted');
    $issuer->vanish;
    is($c->get('/realms/x/jwks')->status, 0, 'gone');
};

done_testing();
