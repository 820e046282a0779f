# None of nginx's ways to run a request again, beside itself or elsewhere opens a door (threats section 6, "Re-entry").

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation {
    my ($id, $patient) = @_;
    return { resourceType => 'Observation', id => $id, status => 'final', code => { text => "of $patient" },
        subject => { reference => "Patient/$patient" } };
}

my @entries;
my $up = upstream(
    qr{/Patient/p1$}     => { json => { resourceType => 'Patient', id => 'p1', gender => 'female' } },
    qr{/Patient/p2$}     => { json => { resourceType => 'Patient', id => 'p2', gender => 'male' } },
    qr{/Observation/o1$} => { headers => [ 'Cache-Control' => 'max-age=60' ], json => observation('o1', 'p1') },
    qr{/Observation/o2$} => { headers => [ 'Cache-Control' => 'max-age=60' ], json => observation('o2', 'p2') },
    qr{/Observation/accel-other$} => { headers => [ 'X-Accel-Redirect' => '/elsewhere/Observation/o2' ], body => '' },
    qr{/Observation/accel-named$} => { headers => [ 'X-Accel-Redirect' => '@elsewhere' ], body => '' },
    qr{/Observation/accel-file$}  => { headers => [ 'X-Accel-Redirect' => '/files/other.json' ], body => '' },
    qr{/Observation/own$}         => { headers => [ 'X-Accel-Redirect' => '/files/own.json' ], body => '' },
    qr{/Observation/upgrade$}     => { raw => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nTUNNEL" },
    qr{/Observation/error$}       => { status => 503, body => 'sorry, of p2', headers => [ 'Content-Type' => 'text/plain' ] },
    qr{/Observation/big$}         => { json => { %{ observation('big', 'p1') }, note => [ { text => 'x' x 5000 } ] } },
    qr{/Observation(?:/_search)?$} => sub { return { json => { resourceType => 'Bundle', type => 'searchset',
        entry => [ { resource => observation('o1', 'p1') } ] } } },
    qr{^GET /leak/Observation} => { json => {} },
    qr{/auth$}           => { status => 204 },
    qr{/Organization/}   => { headers => [ 'Cache-Control' => 'max-age=60' ], json => { resourceType => 'Organization', id => 'g1' } },
    qr{/teapot$}         => { status => 418 },
    qr{/setpage$}        => { headers => [ 'Content-Type' => 'text/html' ], body => '<!--# include virtual="/r4/Observation/o2" set="x" -->[<!--# echo var="x" encoding="none" -->]<!--# include virtual="/r4/Organization/g1" set="y" -->[<!--# echo var="y" encoding="none" -->]' },
    qr{/page$}           => { headers => [ 'Content-Type' => 'text/html' ], body => '[<!--# include virtual="/r4/Patient/p1" -->][<!--# include virtual="/r4/Patient/p2" -->]' },
);
my $leak = upstream(qr{/} => { json => observation('o1', 'p2') });
my $U    = '127.0.0.1:%%UPSTREAM%%';

my $nginx = nginx(
    vars  => { UPSTREAM => $up->port, ISSUER => $issuer->uri, LEAK => $leak->port, DEAD => free_port() },
    files => {
        'html/files/other.json' => '{"resourceType":"Observation","id":"accel-file","subject":{"reference":"Patient/p2"}}',
        'html/files/own.json'   => '{"resourceType":"Observation","id":"own","subject":{"reference":"Patient/p1"}}',
        'html/50x.html'         => 'static page',
        'html/tf/Patient/p1'    => 'a file',
        'mime'                  => 'types { application/fhir+json json; text/html html; }',
    },
    allow => [qr/is not what was judged, nothing is sent/],
    conf  => <<"EOC");
    include %%PREFIX%%/mime;
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    proxy_cache_path %%PREFIX%%/cache keys_zone=c:1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        root %%PREFIX%%/html;

        location /r4         { smart hospital; proxy_pass http://$U; error_page 401 403 404 = \@fhir; }
        location \@fhir      { proxy_pass http://$U; }
        location \@elsewhere { proxy_pass http://127.0.0.1:%%LEAK%%; }
        location \@judged    { smart hospital; smart_base /named; proxy_pass http://$U; }
        location /elsewhere/ { internal; proxy_pass http://$U/; }
        location /files/     { internal; }

        location /satisfy    { smart hospital; satisfy any; allow all; proxy_pass http://$U; }
        location /errors     { smart hospital; error_page 400 401 403 404 413 500 = \@fhir; client_max_body_size 100; proxy_pass http://$U; }
        location /errors200  { smart hospital; error_page 401 403 =200 /50x.html; proxy_pass http://$U; }
        location /tf         { smart hospital; try_files /nope \@fhir; }
        location /tfile      { smart hospital; root %%PREFIX%%/html; try_files /tf/Patient/p1 \@fhir; }
        location /tfleak     { smart hospital; try_files /nope \@elsewhere; }
        location /named      { try_files /nope \@judged; }
        location /both       { smart hospital; try_files /nope \@both; }
        location \@both      { smart hospital; smart_base /both; proxy_pass http://$U; }
        location /if         { smart hospital; proxy_pass http://$U; if (\$arg_code) { proxy_pass http://$U; } }
        location /limit      { smart hospital; proxy_pass http://$U; limit_except GET { allow all; } }
        location /nested     { smart hospital; location /nested/Observation { proxy_pass http://$U; location ~ /Observation/o { proxy_pass http://$U; } } }
        location /alias/     { rewrite ^/alias/(.*)\$ /r4/\$1 last; }
        location /redirect   { error_page 404 = /r4/Patient/p2; return 404; }
        location /mirrored   { smart hospital; mirror /mirror; proxy_pass http://$U; }
        location = /mirror   { internal; proxy_pass http://127.0.0.1:%%LEAK%%\$request_uri; }
        location /authed     { smart hospital; auth_request /auth; proxy_pass http://$U; }
        location = /auth     { internal; proxy_pass http://$U/auth; proxy_pass_request_body off; proxy_set_header Content-Length ''; }
        location /byauth     { auth_request /r4/Patient/p1; proxy_pass http://$U/page; }
        location /byobs      { auth_request /r4/Observation/o2; proxy_pass http://$U/page; }
        location /byown      { auth_request /r4/Observation/o1; proxy_pass http://$U/page; }
        location /ssiset     { ssi on; proxy_pass http://$U/setpage; }
        location /stale      { smart hospital; proxy_cache c; proxy_cache_valid 1s; proxy_ignore_headers Cache-Control; proxy_cache_use_stale updating; proxy_cache_background_update on; add_header X-Cache \$upstream_cache_status always; proxy_pass http://$U; }
        location /r4/docs    { smart off; try_files /nope \@docs; }
        location \@docs      { rewrite ^ /page break; proxy_pass http://$U; }
        location /mirrorpost { smart hospital; mirror /mirror; mirror_request_body on; proxy_pass http://$U; }
        location /relay      { smart hospital; smart_upstream_authorization secret; error_page 418 = \@relay; proxy_intercept_errors on; proxy_pass http://$U; }
        location \@relay     { smart hospital; smart_base /relay; smart_forward_token on; proxy_pass http://127.0.0.1:%%LEAK%%; }
        location /ssi        { ssi on; proxy_pass http://$U/page; }
        location /added      { add_after_body /r4/Patient/p2; addition_types application/fhir+json; proxy_pass http://$U/Patient/p1; }
        location /slice      { smart hospital; slice 1k; proxy_set_header Range \$slice_range; proxy_pass http://$U; }
        location /cache      { smart hospital; proxy_cache c; proxy_cache_valid 1m; add_header X-Cache \$upstream_cache_status always; proxy_pass http://$U; }
        location /badkey     { smart hospital; proxy_cache c; proxy_cache_valid 1m; proxy_cache_key k; proxy_pass http://$U; }
        location /urikey     { smart hospital; proxy_cache c; proxy_cache_valid 1m; proxy_cache_key \$uri; proxy_pass http://$U; }
        location /postkey    { smart hospital; proxy_cache c; proxy_cache_valid 1m; proxy_cache_methods GET HEAD POST; proxy_pass http://$U; }
        location /dead       { smart hospital; proxy_pass http://127.0.0.1:%%DEAD%%; }
        location /deadpage   { smart hospital; error_page 502 /50x.html; proxy_pass http://127.0.0.1:%%DEAD%%; }
        location /deadnext   { smart hospital; error_page 502 = \@fhir; proxy_pass http://127.0.0.1:%%DEAD%%; }
        location /deadleak   { smart hospital; error_page 502 = \@elsewhere; proxy_pass http://127.0.0.1:%%DEAD%%; }
        location /intercept  { smart hospital; proxy_intercept_errors on; error_page 404 503 = \@elsewhere; proxy_pass http://$U; }
        location /retry      { smart hospital; proxy_pass http://pool; }
        location /returned   { smart hospital; return 200 'own'; }
        location /open/      { proxy_pass http://$U/; }
        location = /50x.html { }
    }
    upstream pool { server 127.0.0.1:%%DEAD%%; server $U; }
EOC

my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $other  = $issuer->token(scope => 'patient/*.rs', patient => 'p2');
my $system = $issuer->token(scope => 'system/*.cruds');

# Without a token 401, another patient 403 or 404, the own 200, and only that reaches the upstream.
for my $at (qw(r4 satisfy errors tf both if limit authed mirrored cache deadnext retry named)) {
    outcome_is($nginx->get("/$at/Observation/o1"), 401, 'login', "$at: no token");
    outcome_is($nginx->get("/$at/Patient/p2", bearer => $token), 403, 'forbidden', "$at: another patient");
    outcome_is($nginx->get("/$at/Observation?patient=p2", bearer => $token), 403, 'forbidden', "$at: search of another patient");
    upstream_got($up, $at eq 'authed' ? 3 : 0, "$at: nothing but the operator's own was sent");
    $up->clear;

    my $r = $nginx->get("/$at/Observation/o1", bearer => $token);
    is($r->status, 200, "$at: own") || diag($r->raw, $nginx->log);
    is($up->last->target, "/$at/Observation/o1", "$at: as judged");
    is($up->last->header('Authorization'), undef, "$at: without the token");
    $up->clear;
    outcome_is($nginx->get("/$at/Observation/o2", bearer => $token), 404, 'not-found', "$at: another's");
    $up->clear;
    $r = $nginx->get("/$at/Observation?code=x", bearer => $token);
    is($r->status, 200, "$at: search") || diag($r->raw);
    is($up->last->query, 'code=x&patient=p1', "$at: narrowed");
    $up->clear;
}
is(scalar(grep { $_->target =~ /Patient/ } $leak->requests), 0, 'what was denied was not mirrored');
ok(scalar(grep { $_->target =~ m{^/mirrored/Observation/o1} } $leak->requests), 'what was allowed was');
$leak->clear;

# nested locations and redirects by URI
for my $path ('/nested/Observation/o1', '/alias/Observation/o1') {
    outcome_is($nginx->get($path), 401, 'login', "$path: no token");
    is($nginx->get($path, bearer => $token)->status, 200, "$path: own");
    outcome_is($nginx->get($path, bearer => $other), 404, 'not-found', "$path: another's");
}
is($nginx->get('/redirect', bearer => $token)->status, 403, 'error_page into smart is judged');
is($nginx->get('/redirect')->status, 401, 'and needs a token');
$up->clear;

# where a redirect leads elsewhere, what was judged is what is sent, or nothing
outcome_is($nginx->get('/tfleak/Observation/o1', bearer => $token), 404, 'not-found', 'another server: its answer is judged');
is($leak->last->target, '/tfleak/Observation/o1', 'it got what was judged');
$leak->clear;
outcome_is($nginx->get('/deadleak/Observation/o1', bearer => $token), 404, 'not-found', 'error_page: the answer is judged');
$leak->clear;
outcome_is($nginx->get('/intercept/Observation/none', bearer => $token), 502, 'processing', 'intercepted: the answer is judged');
$leak->clear;
is($nginx->get('/tfile/Patient/p1', bearer => $token)->status, 500, 'files under smart are nobody\'s answer');

# X-Accel-Redirect
$up->clear;
outcome_is($nginx->get('/r4/Observation/accel-other', bearer => $token), 500, 'exception', 'X-Accel-Redirect elsewhere');
upstream_got($up, 1, 'the second request was not sent');
$up->clear;
outcome_is($nginx->get('/r4/Observation/accel-named', bearer => $token), 502, 'processing', 'X-Accel-Redirect to a named location: judged');
outcome_is($nginx->get('/r4/Observation/accel-file', bearer => $token), 404, 'not-found', 'X-Accel-Redirect to a file of another');
is($nginx->get('/r4/Observation/own', bearer => $token)->status, 200, 'X-Accel-Redirect to an own file');
$up->clear; $leak->clear;

# errors before the judging phase do not lead past it
my @json = ('Content-Type' => 'application/fhir+json');
outcome_is($nginx->request('PUT', '/errors/Organization/g1', headers => \@json, body => 'x' x 200), 500, 'exception', 'error_page 413 = @fhir');
outcome_is($nginx->post('/errors/Observation/_search', headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ], bearer => $token, chunked => [ 'a=' . 'x' x 200 ]), 500, 'exception', 'error_page 413 while the body was read');
upstream_got($up, 0, 'nothing was sent');
my $r = $nginx->get('/errors200/Patient/p2', bearer => $token);
outcome_is($r, 403, 'forbidden', 'error_page =200 does not apply');

# subrequests
$r = $nginx->get('/ssi', bearer => $token);
like($r->body, qr/^\[\{.*"p1".*\}\]\[/, 'SSI: own patient included');
unlike($r->body, qr/"male"/, 'SSI: another is not');
$r = $nginx->get('/ssi');
unlike($r->body, qr/"(?:fe)?male"/, 'SSI without token: none');
$r = $nginx->get('/added', bearer => $token);
unlike($r->body, qr/"male"/, 'addition');
is($nginx->get('/byauth', bearer => $token)->status, 200, 'auth_request into smart');
is($nginx->get('/byauth')->status, 401, 'auth_request into smart without token');
is($nginx->get('/byauth', bearer => $other)->status, 403, 'auth_request into smart, another patient');
$up->clear;

is($nginx->get('/byown', bearer => $token)->status, 200, 'auth_request by an answer that is judged');
isnt($nginx->get('/byobs', bearer => $token)->status, 200, 'auth_request by another\'s');
$r = $nginx->get('/ssiset', bearer => $token);
unlike($r->body, qr/resourceType":"Obs|of p2/, 'SSI into a variable: its answer would pass by the check');
is($nginx->get('/r4/docs/x')->status, 200, 'smart off below, with try_files, is the operator\'s');
$up->clear;

# a form is mirrored as it was narrowed
$r = $nginx->post('/mirrorpost/Observation/_search', bearer => $token, headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ], body => 'code=x');
is($r->status . ' ' . $up->last->body, '200 code=x&patient=p1', 'mirror with a form');
$up->clear; $leak->wait_requests(1, 2); $leak->clear;

# judged twice: the client's own token goes on, never the operator's credential of the first location
$r = $nginx->get('/relay/Observation/teapot', bearer => $token);
header_is($up->last, 'Authorization', 'secret', 'first location');
header_is($leak->last, 'Authorization', "Bearer $token", 'second location');
$up->clear; $leak->clear;

# slice: parts cannot be judged
outcome_is($nginx->get('/slice/Observation/big'), 401, 'login', 'slice without token');
isnt($nginx->get('/slice/Observation/o2', bearer => $token)->status, 200, 'slice: another\'s');

# cached answers are judged for whom they are sent to
$r = $nginx->get('/cache/Observation/o1', bearer => $token);
$r = $nginx->get('/cache/Observation/o1', bearer => $token);
header_is($r, 'X-Cache', 'HIT', 'cached');
is($r->status, 200, 'own from the cache');
outcome_is($nginx->get('/cache/Observation/o1', bearer => $other), 404, 'not-found', 'another\'s from the cache');
outcome_is($nginx->get('/cache/Observation/o1'), 401, 'login', 'no token, although cached');
$r = $nginx->get('/cache/Observation/o1', bearer => $other, headers => [ 'If-Modified-Since' => 'Sat, 01 Jan 2050 00:00:00 GMT', 'If-None-Match' => '*' ]);
outcome_is($r, 404, 'not-found', 'no 304 as an oracle');
$r = $nginx->get('/cache/Observation/o1', bearer => $other, headers => [ Range => 'bytes=0-10' ]);
outcome_is($r, 404, 'not-found', 'no range of it');
$nginx->get('/stale/Observation/o1', bearer => $token) for 1 .. 2;
select undef, undef, undef, 2.1;
$r = $nginx->get('/stale/Observation/o1', bearer => $token);
is($r->status . ' ' . $r->header('X-Cache'), '200 STALE', 'stale, updated in the background');
wait_until { $nginx->get('/stale/Observation/o1', bearer => $token)->header('X-Cache') eq 'HIT' } 3;
is($nginx->get('/stale/Observation/o1', bearer => $token)->header('X-Cache'), 'HIT', 'updated');
outcome_is($nginx->get('/stale/Observation/o1', bearer => $other), 404, 'not-found', 'another\'s, updated in the background');
$up->clear;
outcome_is($nginx->get('/badkey/Observation/o1', bearer => $system), 500, 'exception', 'a key that lacks the request');
outcome_is($nginx->get('/urikey/Observation?code=x', bearer => $token), 500, 'exception', 'a key that lacks the query');
is($nginx->get('/urikey/Organization/g1', bearer => $system)->status, 200, 'a key that holds all there is');
is($nginx->get('/urikey/Organization/g1', bearer => $system)->status, 200, 'from the cache');
$r = $nginx->post('/postkey/Observation/_search', bearer => $token, headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ], body => 'code=x');
outcome_is($r, 500, 'exception', 'a form is in no key');

# upstream trouble
outcome_is($nginx->get('/dead/Observation/o1', bearer => $token), 502, 'transient', 'no upstream');
$r = $nginx->get('/deadpage/Observation/o1', bearer => $token);
is($r->status . ' ' . $r->body, '502 static page', 'the operator\'s page');
outcome_is($nginx->get('/r4/Observation/upgrade', bearer => $token, headers => [ Upgrade => 'x', Connection => 'upgrade' ]), 502, 'processing', 'no tunnel');
outcome_is($nginx->get('/r4/Observation/upgrade', bearer => $system, headers => [ Upgrade => 'x', Connection => 'upgrade' ]), 502, 'processing', 'no tunnel, system');
$r = $nginx->get('/r4/Observation/error', bearer => $token);
outcome_is($r, 503, 'processing', 'the status of an error passes, its text does not');
is($nginx->get('/returned')->body, 'own', 'return answers before the module: documented');
is($nginx->get('/open/Patient/p2')->status, 200, 'a location without smart is not concerned');

done_testing();
