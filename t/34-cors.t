# smart_cors: apps in a browser (RULES B10), as a browser sees it.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $up = upstream(
    'GET /fhir/metadata' => { json => { resourceType => 'CapabilityStatement' } },
    'GET /fhir/.well-known/smart-configuration' => { headers => [ 'Content-Type' => 'application/json' ], json => { issuer => $issuer->uri } },
    qr{^(?:GET|PUT) /fhir/Organization} => { headers => [ ETag => 'W/"1"', 'Access-Control-Allow-Origin' => '*', 'access-control-allow-credentials' => 'true' ],
        json => { resourceType => 'Organization', id => 'o1' } },
    qr{^GET /fhir/Observation} => sub {
        return { status => 404, json => { resourceType => 'OperationOutcome' } } if $_[0]->path =~ /none/;
        return { json => { resourceType => 'Observation', id => 'o1', subject => { reference => 'Patient/p2' } } } if $_[0]->path =~ /o1/;
        return { json => { resourceType => 'Bundle', type => 'searchset', entry => [] } };
    },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        smart_cors https://app.example.org http://localhost:3000;
        location /r4   { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /any  { smart hospital; smart_cors *; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /off  { smart hospital; smart_cors off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /dry  { smart hospital; smart_dry_run on; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /none { proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC
my $token  = $issuer->token(scope => 'system/*.cruds');
my $narrow = $issuer->token(scope => 'patient/*.rs', patient => 'p1');

sub headers_of { my ($r, $name) = @_; return join '|', $r->header_all($name) }
sub allows     { my ($r) = @_; return headers_of($r, 'Access-Control-Allow-Origin') }

sub from {
    my ($origin, $method, $path, %how) = @_;
    return $nginx->client->request($method, $path, %how, headers => [ defined $origin ? (Origin => $origin) : (), @{ $how{headers} || [] } ]);
}

my $app = 'https://app.example.org';
for my $origin ($app, 'http://localhost:3000') {
    my $r = from($origin, GET => '/r4/Organization/o1', bearer => $token);
    is($r->status . ' ' . allows($r), "200 $origin", "$origin may read (J smart_cors_openid_fhir_user_claim)");
    is(headers_of($r, 'Vary'), 'Origin', "$origin: caches are told");
    like(headers_of($r, 'Access-Control-Expose-Headers'), qr/\bETag\b.*\bLocation\b.*\bWWW-Authenticate\b/, "$origin: with what it needs");
    is($r->header('Access-Control-Allow-Credentials'), undef, "$origin: no cookies, whatever the FHIR server says");

    $up->clear;
    $r = from($origin, OPTIONS => '/r4/Organization/o1', headers => [ 'Access-Control-Request-Method' => 'PUT', 'Access-Control-Request-Headers' => 'authorization,if-match' ]);
    is($r->status . ' ' . allows($r), "204 $origin", "$origin: preflight");
    like(headers_of($r, 'Access-Control-Allow-Methods'), qr/\bPUT\b.*\bDELETE\b/, "$origin: preflight: methods");
    like(headers_of($r, 'Access-Control-Allow-Headers'), qr/Authorization.*If-Match.*If-None-Exist/, "$origin: preflight: headers");
    like(headers_of($r, 'Access-Control-Max-Age'), qr/^\d+$/, "$origin: preflight: for a while");
    is(scalar(() = $up->requests), 0, "$origin: preflight: nothing is sent upstream");
}

# refusals can be read, too
for my $case ([ 'no token', 401, '/r4/Organization/o1' ], [ 'another token', 401, '/r4/Organization/o1', 'x.y.z' ], [ 'no scope', 403, '/r4/Organization/o1', $narrow, 'PUT' ],
    [ "another's", 404, '/r4/Observation/o1', $narrow ], [ 'missing', 404, '/r4/Observation/none', $narrow ], [ 'no path', 400, '/r4/Observation/o%31', $token ])
{
    my ($name, $status, $path, $bearer, $method) = @$case;
    my $r = from($app, $method || 'GET', $path, defined $bearer ? (bearer => $bearer) : (), $method ? (body => '{}') : ());
    is($r->status . ' ' . allows($r), "$status $app", "refused: $name: it can be read");
    ok($r->header('WWW-Authenticate') && headers_of($r, 'Access-Control-Expose-Headers') =~ /WWW-Authenticate/, "refused: $name: and why") if $status == 401;
    is(allows(from('https://evil.example.org', $method || 'GET', $path, defined $bearer ? (bearer => $bearer) : (), $method ? (body => '{}') : ())), '', "refused: $name: not by others");
}

# other origins
for my $origin ('https://evil.example.org', 'https://app.example.org.evil.example.org', 'http://app.example.org', 'https://app.example.org:8443', 'null', 'HTTPS://app.example.org', "$app, $app", undef) {
    my $name = $origin // 'none';
    my $r = from($origin, GET => '/r4/Organization/o1', bearer => $token);
    is($r->status . ' ' . allows($r) . ' ' . headers_of($r, 'Vary'), '200  Origin', "$name: may not read");
    $r = from($origin, OPTIONS => '/r4/Organization/o1', headers => [ 'Access-Control-Request-Method' => 'PUT' ]);
    is($r->status . ' ' . allows($r) . headers_of($r, 'Access-Control-Allow-Methods'), '204 ', "$name: preflight");
}
{
    my $r = $nginx->client->request('GET', '/r4/Organization/o1', bearer => $token, headers => [ Origin => $app, Origin => 'https://evil.example.org' ]);
    is(allows($r), '', 'two origins are none');
}

# what is public is so for every page; not so what is refused there
is(allows(from('https://evil.example.org', GET => '/r4/metadata')), '*', 'metadata (J smart_cors_metadata)');
is(allows(from('https://evil.example.org', GET => '/r4/.well-known/smart-configuration')), '*', 'smart-configuration (J smart_cors_well_known)');
is(allows(from('https://evil.example.org', POST => '/r4/metadata', body => '')), '', 'metadata by POST is refused, and not public');

# a checked search, another location, none
is(allows(from($app, GET => '/r4/Observation?code=x', bearer => $narrow)), $app, 'a search that is checked');
my $r = from('https://evil.example.org', GET => '/any/Organization/o1', bearer => $token);
is(allows($r) . ' ' . headers_of($r, 'Vary'), '* ', 'any: any');
is(allows(from('https://evil.example.org', OPTIONS => '/any/Organization', headers => [ 'Access-Control-Request-Method' => 'POST' ])), '*', 'any: preflight');
$r = from($app, GET => '/off/Organization/o1', bearer => $token);
is(allows($r) . ' ' . $r->header('Access-Control-Allow-Credentials') . ' ' . headers_of($r, 'Vary'), '* true ', "off: the FHIR server's own stay");
is(allows(from($app, OPTIONS => '/off/Organization', headers => [ 'Access-Control-Request-Method' => 'POST' ])), '', 'off: preflight');
is(allows(from($app, GET => '/dry/Organization/o1', bearer => $token)), '*', 'a dry run changes nothing');
is(allows(from($app, GET => '/none/Organization/o1')), '*', 'nor does a location without smart');

done_testing();
