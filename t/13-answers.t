# Our own answers (DESIGN's table of failures, RULES I, H2): status, outcome, challenge, headers; one closed list.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $up     = upstream(
    qr{Patient/p1$}    => { json => { resourceType => 'Patient', id => 'p1' } },
    qr{Observation/o1} => { json => { resourceType => 'Observation', id => 'o1', subject => { reference => 'Patient/p2' } } },
    qr{Observation/t1} => { body => 'x', headers => [ 'Content-Type' => 'text/html', 'X-Upstream' => 'secret', 'Set-Cookie' => 'secret=1', ETag => '"secret"', 'Last-Modified' => 'Sat, 01 Jan 2000 00:00:00 GMT', Location => '/secret' ] },
    qr{Observation/u1} => { status => 401, headers => [ 'WWW-Authenticate' => 'Basic realm="u"', 'Content-Type' => 'text/plain' ], body => 'secret' },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri, NOBODY => free_port() }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_issuer silent   { uri http://127.0.0.1:%%NOBODY%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4     { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /silent { smart silent; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

my $token = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $past  = time - 3600;

# what, status, issue, challenge
my @cases = (
    [ 'no token',        {}, 401, 'login', 'Bearer' ],
    [ 'another scheme',  { headers => [ Authorization => 'Basic eDp5' ] }, 401, 'login', 'Bearer' ],
    [ 'syntax',          { headers => [ Authorization => 'Bearer a b' ] }, 400, 'invalid', 'Bearer error="invalid_request"' ],
    [ 'opaque',          { bearer => 'abc' }, 401, 'login', 'Bearer error="invalid_token"' ],
    [ 'not a token',     { bearer => 'a.b.c' }, 401, 'login', 'Bearer error="invalid_token"' ],
    [ 'expired',         { bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1', exp => $past) }, 401, 'expired', 'Bearer error="invalid_token"' ],
    [ 'wrong audience',  { bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1', aud => 'x') }, 401, 'login', 'Bearer error="invalid_token"' ],
    [ 'wrong issuer',    { bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1', iss => 'x') }, 401, 'login', 'Bearer error="invalid_token"' ],
    [ 'no scope claim',  { bearer => $issuer->token(scope => undef, patient => 'p1') }, 403, 'forbidden', undef ],
    [ 'another type',    { bearer => $issuer->token(scope => 'patient/Condition.rs', patient => 'p1') }, 403, 'forbidden', 'Bearer error="insufficient_scope", scope="patient/Patient.r"' ],
);
for my $case (@cases) {
    my ($name, $how, $status, $issue, $challenge) = @$case;
    for my $method (qw(GET HEAD)) {
        my $r = $nginx->request($method, '/r4/Patient/p1', %$how);
        is($r->status, $status, "$name: $method");
        header_is($r, 'WWW-Authenticate', $challenge, "$name: challenge") if defined $challenge;
        header_is($r, 'Cache-Control', 'no-store', "$name: not stored");
        header_is($r, 'Content-Type', 'application/fhir+json', "$name: type");
        $method eq 'GET' ? outcome_is($r, $status, $issue, "$name: outcome") : is($r->body, '', "$name: no body with HEAD");
        is($r->header('Content-Length'), length $r->body, "$name: length") if $method eq 'GET';
        unlike($r->raw, qr/p1|Retry-After/, "$name: nothing of the request");
    }
}
upstream_got($up, 0, 'nothing was sent');
is($nginx->get('/r4/Patient/p1', bearer => $token)->status, 200, 'control');

# methods, types, spellings
for my $case ([ 'TRACE', 405 ], [ 'PROPFIND', 405 ], [ 'get', 400 ], [ 'GETX', 405 ]) {
    my $r = $nginx->request($case->[0], '/r4/Patient/p1', bearer => $token);
    is($r->status, $case->[1], $case->[0]) || diag($r->raw);
}
my $r = $nginx->request('PROPFIND', '/r4/Patient/p1', bearer => $token);
outcome_is($r, 405, 'not-supported', 'an unknown method');
like($r->header('Allow') // '', qr/GET/, 'Allow');
outcome_is($nginx->get('/r4/Nothing/1', bearer => $token), 404, 'not-supported', 'an unknown type');
outcome_is($nginx->get('/r4/Patient/p1/$nobody-knows', bearer => $token), 403, 'not-supported', 'an operation');
outcome_is($nginx->get('/r4/Patient/p1/%24nobody-knows', bearer => $token), 403, 'not-supported', 'an operation, escaped');
outcome_is($nginx->request('PUT', '/r4/Observation/o1', bearer => $token, headers => [ 'Content-Type' => 'application/fhir+json' ], body => '{}'), 403, 'forbidden', 'a write');
outcome_is($nginx->get('/silent/Patient/p1', bearer => $token), 401, 'login', 'a token of another issuer needs no keys');

# our own fault is 503, never 401
my $silent = issuer(audience => $base);
my ($payload) = { iss => 'http://127.0.0.1:' . ($nginx->{vars}{NOBODY}) };
$r = $nginx->get('/silent/Patient/p1', bearer => $silent->token(scope => 'patient/*.rs', patient => 'p1', %$payload));
outcome_is($r, 503, 'transient', 'no keys');
like($r->header('Retry-After') // '', qr/^\d+$/, 'Retry-After');
header_is($r, 'WWW-Authenticate', '', 'no challenge');

# a replaced answer keeps nothing of the upstream's
for my $id (qw(o1 t1)) {
    $r = $nginx->get("/r4/Observation/$id", bearer => $token);
    ok($r->status == 404 || $r->status == 502, "$id is replaced");
    unlike($r->raw, qr/secret|X-Upstream|Set-Cookie|ETag|Last-Modified|Location/i, "$id: nothing of the upstream's head");
}
$r = $nginx->get('/r4/Observation/u1', bearer => $token);
is($r->status, 401, 'an upstream\'s 401 keeps its status');
unlike($r->body, qr/secret/, 'not its body');

# an unread body does not disturb the connection, large or chunked, with Expect
my $c = $nginx->client;
for my $how ({ body => 'x' x 100000 }, { chunked => [ ('y' x 1000) x 50 ] }, { body => 'z', headers => [ Expect => '100-continue' ] }) {
    is($c->post('/r4/Observation', %$how)->status, 401, 'denied with an unread body');
    is($c->get('/r4/Patient/p1', bearer => $token)->status, 200, 'the connection lives on');
}

# the log has one line for a denial, with reason and rule, and nothing of the request
$nginx->mark;
$nginx->get('/r4/Condition/secret-id?code=secret-code', bearer => $issuer->token(scope => 'patient/Observation.rs', patient => 'secret-patient'));
my @lines = grep { /smart: denied/ } split /\n/, $nginx->log_since_mark;
is(scalar @lines, 1, 'one line');
like($lines[0], qr/denied 403 scope_missing, rule \S+, interaction "read", type "Condition", missing scope "patient\/Condition\.r", scopes "patient\//, 'its facts');
unlike($lines[0], qr/secret/, 'nothing of the request');

done_testing();
