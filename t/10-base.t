# The base (CONFIG smart_base, RULES B0): what is below it, what is judged is what is sent, 401 and 200.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base     = 'https://fhir.example.org/r4';
my $issuer   = issuer(audience => $base);
my $patient  = { resourceType => 'Patient', id => 'p1' };
my $up       = upstream(
    qr{^GET /(?:[a-z0-9/]*/)?Patient/p1$} => { json => $patient },
    qr{^GET .*/metadata$}                 => { json => { resourceType => 'CapabilityStatement' } },
    qr{^GET .*/.well-known/smart-configuration$} => { json => { capabilities => [] } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /s/ { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir/; }
        location ~ ^/re/(.*) {
            smart hospital; smart_base /re;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir/\$1\$is_args\$args;
        }
        location ~ ^/(?<tenant>[a-z0-9]+)/x/ {
            smart hospital; smart_base /\$tenant/x;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%;
        }
        location /open/ { proxy_pass http://127.0.0.1:%%UPSTREAM%%/; }
        location /nest {
            smart hospital;
            location /nest/Patient { proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        }
    }
EOC

my $token = $issuer->token(scope => 'patient/*.rs', patient => 'p1');

my $r = $nginx->get('/r4/Patient/p1');
outcome_is($r, 401, 'login', 'no token');
header_is($r, 'WWW-Authenticate', 'Bearer', 'bare challenge');
header_is($r, 'Content-Type', 'application/fhir+json', 'content type');
header_is($r, 'Cache-Control', 'no-store', 'not stored');
upstream_got($up, 0, 'nothing was sent');

$r = $nginx->get('/r4/Patient/p1', bearer => $token);
is($r->status, 200, 'own patient');
is($r->json->{id}, 'p1', 'its body');
is($up->last->target, '/fhir/Patient/p1', 'what was judged was sent');
is($up->last->header('Authorization'), undef, 'the token was withheld');
$up->clear;

$r = $nginx->get('/r4/Patient/p2', bearer => $token);
outcome_is($r, 403, 'forbidden', 'another patient');
upstream_got($up, 0, 'nothing was sent');

for my $case (
    [ '/s/Patient/p1',     '/fhir/Patient/p1' ],
    [ '/re/Patient/p1',    '/fhir/Patient/p1' ],
    [ '/t1/x/Patient/p1',  '/t1/x/Patient/p1' ],
    [ '/nest/Patient/p1',  '/nest/Patient/p1' ],
) {
    my ($path, $sent) = @$case;
    $r = $nginx->get($path, bearer => $token);
    is($r->status, 200, "$path: allowed");
    is($up->last ? $up->last->target : undef, $sent, "$path: sent");
    $up->clear;
    outcome_is($nginx->get($path), 401, 'login', "$path without token");
    upstream_got($up, 0, "$path: nothing was sent");
}

# /r4x is not below the base, with or without a token; the base itself is, with and without '/'
for my $path ('/r4x/Patient/p1', '/r4x', '/r4.') {
    outcome_is($nginx->get($path, bearer => $token), 404, 'not-found', "$path is not below the base");
    outcome_is($nginx->get($path), 404, 'not-found', "$path without token");
}
for my $path ('/r4', '/r4/') {
    my $denied = $nginx->get($path, bearer => $token);
    is($denied->status, 403, "$path is the base: a system search, refused");
    is($nginx->get("$path", )->status, 401, "$path without token");
    is($nginx->request('POST', $path, bearer => $token, body => '{}')->status, 415, "POST $path: a batch of no type of JSON, refused by the module");
}
upstream_got($up, 0, 'nothing was sent');

# paths that nginx and an upstream might read differently
for my $path (
    '/r4/Patient/%70%31', '/r4/Patient%2fp1', '/r4/./Patient/p1', '/r4/x/../Patient/p1',
    '/r4//Patient/p1', '//r4/Patient/p1', '/%724/Patient/p1', '/r4/Patient/p1%00',
    '/r4/Patient/p1%3f', '/r4/Patient/p1%23', '/r4/Patient/p1;x', '/r4/Patient/p1/.',
    '/r4/Patient/p1/..', '/r4/Patient\\p1', '/r4/Patient/%252e', '/r4/Patient/p1/%2e%2e',
    '/r4/patient/p1', '/r4/Patient/p1#x', '/r4/Patient/p1#/../p2', '/r4/Patient/p1?x#y',
    '/x/../r4/Patient/p1', '/r4/Patient/p1%20', '/r4/%50atient/p1', '/r4/Patient/p1?%23',
    "/r4/Patient/p1\xc3\xa9", '/r4/Patient/%c0%ae', '/r4/Patient/p1//',
) {
    my $denied = $nginx->get($path, bearer => $token);
    ok($denied->status >= 400 && $denied->status < 500, "$path is refused") || diag($denied->raw);
}
upstream_got($up, 0, 'nothing was sent');

# absolute-form request targets (RFC 9112 3.2.2) are read as their path
$r = $nginx->get('http://127.0.0.1/r4/Patient/p1', bearer => $token);
is($r->status, 200, 'absolute form');
is($up->last->target, '/fhir/Patient/p1', 'only its path was sent');
$up->clear;
is($nginx->get('http://127.0.0.1/r4/Patient/p2', bearer => $token)->status, 403, 'absolute form, another patient');
is($nginx->get('http://127.0.0.1?/r4/Patient/p1', bearer => $token)->status, 404, 'absolute form without path');
upstream_got($up, 0, 'nothing was sent');

# public: no token asked, none sent on
for my $path ('/r4/metadata', '/r4/.well-known/smart-configuration') {
    $r = $nginx->get($path);
    is($r->status, 200, "$path is public");
    $r = $nginx->get($path, bearer => 'whatever');
    is($r->status, 200, "$path with a token");
    is($up->last->header('Authorization'), undef, "$path: the token was withheld");
    $up->clear;
}
outcome_is($nginx->get('/r4/.well-known/smart-configurations'), 404, 'not-found', 'misspelt');

# preflight: at the edge
$r = $nginx->request('OPTIONS', '/r4/Patient/p1', headers => [ Origin => 'https://app.example.org', 'Access-Control-Request-Method' => 'GET' ]);
is($r->status, 204, 'preflight');
like($r->header('Allow') || '', qr/GET.*POST/, 'Allow');
is($r->header('Access-Control-Allow-Origin'), undef, 'no CORS headers');
upstream_got($up, 0, 'nothing was sent');

# the rest of the server is not concerned
is($nginx->get('/open/Patient/p1')->status, 200, 'a location without smart');

done_testing();
