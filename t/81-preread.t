# Stored resources are read before a write is judged (D10, L13): through the location's own proxy_pass, seen by nobody else.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(time);

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation { my ($id, $patient, %more) = @_; return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" }, %more } }
sub stored { my ($id, $patient, %more) = @_; return { headers => [ ETag => 'W/"7"' ], json => observation($id, $patient), %more } }

my $big   = 'x' x 300_000;
my $large = { headers => [ ETag => 'W/"7"' ], json => observation('large', 'p1', note => [ { text => $big } ]) };
my @rules = (
    'GET /fhir/Observation/own'       => stored('own', 'p1'),
    'GET /fhir/Observation/other'     => stored('other', 'p2'),
    'GET /fhir/Observation/large'     => $large,
    'GET /fhir/Observation/chunked'   => { %{ stored('chunked', 'p1') }, chunked => 1 },
    'GET /fhir/Observation/slow'      => { %{ stored('slow', 'p1') }, delay => 20 },
    'GET /fhir/Observation/trickle'   => { %{ stored('trickle', 'p1') }, chunked => [ map { substr(' ' x 40, 0, 1) } 1 .. 200 ], chunk_delay => 0.1 },
    'GET /fhir/Observation/dropped'   => { drop => 1 },
    'GET /fhir/Observation/cut'       => { %{ stored('cut', 'p1') }, truncate => 20 },
    'GET /fhir/Observation/cutchunks' => { %{ stored('cutchunks', 'p1') }, chunked => 1, truncate => 20 },
    'GET /fhir/Observation/accel'     => { headers => [ 'X-Accel-Redirect' => '/elsewhere/own', ETag => 'W/"7"' ], json => observation('accel', 'p1') },
    'GET /fhir/Observation/partial'   => { %{ stored('partial', 'p1') }, status => 206 },
    'GET /fhir/Observation/gzip'      => { headers => [ 'Content-Encoding' => 'gzip', ETag => 'W/"7"' ], json => observation('gzip', 'p1') },
    'GET /fhir/Observation/switched'  => { raw => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" },
    'GET /fhir/Observation/moved'     => { status => 302, headers => [ Location => '/fhir/Observation/own' ] },
    'GET /fhir/Observation/denied'    => { status => 401, json => { resourceType => 'OperationOutcome' } },
    'GET /fhir/Observation/broken'    => { status => 500, json => { resourceType => 'OperationOutcome' } },
    'GET /fhir/Observation/text'      => { headers => [ 'Content-Type' => 'text/html', ETag => 'W/"7"' ], body => 'x' },
    'GET /fhir/Observation/unread'    => { headers => [ 'X-Accel-Buffering' => 'no', ETag => 'W/"7"' ], json => observation('unread', 'p1') },
    'GET /fhir/Observation/endless'   => { headers => [ 'Content-Type' => 'application/fhir+json', ETag => 'W/"7"' ], body => '{"resourceType":"Observation","id":"endless","x":"' . 'y' x 4_000_000 },
    map({ ("GET /fhir/DocumentReference/$_" => { headers => [ ETag => 'W/"7"' ], json => observation($_, /own/ ? 'p1' : 'p2', resourceType => 'DocumentReference', description => 'd' x (/large/ ? 9000 : 10), /huge/ ? (category => [ map { { text => "c$_" } } 1 .. 900 ]) : ()) }) } qw(own ownlarge ownhuge foreign foreignlarge foreignhuge)),
    'GET /fhir/Patient/p1'            => { headers => [ ETag => 'W/"7"' ], json => { resourceType => 'Patient', id => 'p1', photo => [ { data => 'A' x 9000 } ], link => [ { type => 'seealso', other => { reference => 'Patient/p0' } } ] } },
    'GET /fhir/Observation/second'    => stored('second', 'p1'),
    map({ ("GET /fhir/Provenance/$_->[0]" => { headers => [ ETag => 'W/"7"' ], json => { resourceType => 'Provenance', id => $_->[0], $_->[2] ? (reason => [ { text => 'r' x 9000 } ]) : (), target => [ map { { reference => "Observation/$_" } } @{ $_->[1] } ] } }) }
        [ foreign => ['other'] ], [ foreignlarge => ['other'], 1 ], [ ownlarge => ['second'], 1 ], [ beside => [ 'broken', 'second' ] ], [ brokenonly => ['broken'] ], [ beyond => [ 'dropped', 'second' ] ], [ unreached => [ 'dropped', 'other' ] ]),
    qr{^GET /files/}                  => stored('accel', 'p1'),
    qr{^(?:PUT|PATCH) }               => { json => { resourceType => 'OperationOutcome' }, headers => [ 'X-Sent' => 'yes' ] },
    qr{^DELETE }                      => { status => 204 },
);
my $up    = upstream(@rules);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, main => 'error_log %%PREFIX%%/error.log info;', conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    proxy_cache_path %%PREFIX%%/cache keys_zone=fhir:1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        client_max_body_size 8m;
        proxy_read_timeout 8s;
        location /r4        { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /short     { smart hospital; smart_preread_timeout 700ms; smart_response_max 1m; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /little    { smart hospital; smart_response_buffer 4k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /impatient { smart hospital; proxy_read_timeout 500ms; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /stream    { smart hospital; proxy_request_buffering off; proxy_http_version 1.1; proxy_buffering off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /spill     { smart hospital; client_body_buffer_size 1k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /ours      { smart hospital; smart_upstream_authorization "Basic c2VjcmV0"; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /theirs    { smart hospital; smart_forward_token on; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /method    { smart hospital; proxy_method \$request_method; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /put       { smart hospital; proxy_method PUT; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /body      { smart hospital; proxy_set_body x; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /intercept { smart hospital; proxy_intercept_errors on; error_page 404 401 500 302 = /elsewhere/own; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /cached    { smart hospital; proxy_cache fhir; proxy_cache_valid any 10m; proxy_cache_methods GET HEAD POST; proxy_cache_key \$request_uri; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location ~ ^/(re)/  { smart hospital; smart_base /re; set \$m \$1; proxy_set_header X-M \$m; rewrite ^/re/(.*)\$ /re/\$1 break; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /elsewhere { internal; proxy_pass http://127.0.0.1:%%UPSTREAM%%/files; }
    }
EOC
my $token = $issuer->token(scope => 'patient/Observation.cruds', patient => 'p1');

sub body_of { my ($id, $patient, %more) = @_; return JSON::PP->new->canonical->encode(observation($id, $patient, %more)) }

sub put_it {
    my ($where, $id, %more) = @_;
    my $from = delete $more{client} || $nginx;
    return $from->put("/$where/Observation/$id", bearer => $token, headers => [ 'Content-Type' => 'application/fhir+json' ], body => body_of($id, 'p1'), %more);
}

sub delete_it { my ($where, $id) = @_; return $nginx->delete("/$where/Observation/$id", bearer => $token) }

sub methods { return join ' ', map { $_->method } $up->wait_requests($_[0] || 1) }

my $first = put_it('r4', 'own');
if ($first->status == 403 && $first->body !~ /not exist/ && !grep { $_->method eq 'GET' } $up->requests) {
    Test::More::plan(skip_all => 'no judge asks for what is stored yet');
}
$up->clear;

# the pair: one's own is read and written, another's is read and refused
my $r = put_it('r4', 'own');
is($r->status, 200, 'PUT of one\'s own') || diag($r->raw);
is(methods(2), 'GET PUT', 'read, then written');
my ($read, $write) = $up->requests;
is($read->target, '/fhir/Observation/own', 'what was read');
is($write->body, body_of('own', 'p1'), 'the body arrives');
is($write->header('If-Match'), 'W/"7"', 'pinned to what was read');
is($read->body, '', 'the read has no body');
is(join(' ', grep { defined } map { $read->header($_) } qw(Content-Type Content-Length Transfer-Encoding If-Match Prefer Range Accept-Encoding Authorization Expect)), '', 'nor what belongs to one');
header_is($read, 'Accept', 'application/fhir+json', 'asked for as JSON');
header_is($read, 'Cache-Control', 'no-cache', 'and afresh');
header_is($read, 'X-SMART-Patient', 'p1', 'with the launch context');
header_is($write, 'X-SMART-Patient', 'p1', 'as the write, once');
$up->clear;

$r = put_it('r4', 'other', body => body_of('other', 'p1'));
is($r->status, 403, 'PUT of another\'s');
is(methods(), 'GET', 'read, not written');
unlike($r->raw, qr/p2|W\/"7"/, 'nothing of it in the answer');
$up->clear;
is(delete_it('r4', 'own')->status, 204, 'DELETE of one\'s own');
is(methods(2), 'GET DELETE', 'read, then deleted');
$up->clear;
is(delete_it('r4', 'other')->status, 404, 'DELETE of another\'s');
is(delete_it('r4', 'nothing')->status, 404, 'DELETE of nothing');
is(methods(2), 'GET GET', 'neither deleted');
$up->clear;

# credentials go along as for the request itself
for my $case ([ 'ours', 'Basic c2VjcmV0' ], [ 'theirs', "Bearer $token" ]) {
    is(put_it($case->[0], 'own')->status, 200, "$case->[0]: PUT");
    is(join('|', map { $_->header('Authorization') // 'none' } $up->wait_requests(2)), "$case->[1]|$case->[1]", "$case->[0]: the credential, both times");
    $up->clear;
}

# ways of a body: chunked, unbuffered, spilled, large, Expect; the connection lives on
my $text = body_of('own', 'p1', note => [ { text => $big } ]);
my $c = $nginx->client;
for my $where (qw(r4 stream spill)) {
    for my $how ({ body => $text }, { body => undef, chunked => [ substr($text, 0, 1000), substr($text, 1000) ] },
        { headers => [ 'Content-Type' => 'application/fhir+json', Expect => '100-continue' ], body => $text })
    {
        my $kind = $how->{chunked} ? 'chunked' : $how->{headers} ? 'expect' : 'whole';
        $r = put_it($where, 'own', client => $c, %$how);
        is($r->status, 200, "$where, $kind: 300 KB") || diag($r->raw);
        my @got = $up->wait_requests(2);
        ok(@got == 2 && $got[0]->body eq '' && $got[1]->body eq $text, "$where, $kind: the write has the body, the read none");
        $up->clear;
        is($c->delete("/$where/Observation/other", bearer => $token)->status, 404, "$where, $kind: the next on the connection is refused");
        is(methods(), 'GET', "$where, $kind: and not sent");
        $up->clear;
    }
}
for my $id (qw(large chunked unread)) {
    for my $where (qw(r4 stream)) {
        is(put_it($where, $id)->status, 200, "$where: stored $id");
        is(methods(2), 'GET PUT', "$where: written");
        $up->clear;
    }
}

# what cannot be read is not written: never open, never hanging
for my $case ([ dropped => 502 ], [ cut => 502 ], [ cutchunks => 502 ], [ accel => 502 ], [ partial => 502 ], [ gzip => 502 ], [ switched => 502 ], [ moved => 502 ], [ denied => 502 ], [ broken => 502 ], [ text => 502 ]) {
    my ($id, $status) = @$case;
    for my $where (qw(r4 stream intercept)) {
        for my $r (put_it($where, $id), delete_it($where, $id)) {
            is($r->status, $status, "$where: stored $id") || diag($r->raw);
            unlike($r->raw, qr/"subject"|X-Sent/, "$where: nothing of it");
        }
        unlike(methods(), qr/PUT|DELETE/, "$where: $id is not written");
        $up->clear;
    }
}
$r = delete_it('intercept', 'nothing');
is($r->status, 404, 'a missing one, errors intercepted');
upstream_got($up, 1, 'nothing went elsewhere');
$up->clear;

# too slow, too long
for my $id (qw(slow trickle endless)) {
    my $start = time;
    $r = delete_it('short', $id);
    outcome_is($r, $id eq 'endless' ? (502, 'processing') : (504, 'timeout'), "$id: given up");
    cmp_ok(time - $start, '<', 3, "$id: in time");
    is(methods(), 'GET', "$id: not deleted");
    $up->set(@rules);
    $up->clear;
}
is(put_it('short', 'own')->status, 200, 'the same location works');
$up->clear;
outcome_is(put_it('impatient', 'slow'), 504, 'timeout', 'proxy_read_timeout');
is(methods(), 'GET', 'not written');
$up->set(@rules);
$up->clear;

# what must be kept and is too large: of one's own it is said, of another it is as if it were small (D9)
my $every = $issuer->token(scope => 'patient/*.cruds', patient => 'p1');
sub every { my ($method, $path, @more) = @_; return $nginx->request($method, "/little/$path", bearer => $every, @more) }
sub document { my ($id) = @_; return every('PUT', "DocumentReference/$id", headers => [ 'Content-Type' => 'application/fhir+json' ], body => body_of($id, 'p1', resourceType => 'DocumentReference')) }
sub patched { my ($id) = @_; return every('PATCH', "DocumentReference/$id", headers => [ 'Content-Type' => 'application/json-patch+json' ], body => '[{"op":"add","path":"/status","value":"current"}]') }
is(document('own')->status, 200, 'a document of one\'s own');
$up->clear;
is(document('ownlarge')->status, 200, 'with a long string in it');
$up->clear;
outcome_is(document('ownhuge'), 413, 'too-costly', 'with many short ones');
is(methods(), 'GET', 'is not written');
is(document($_)->raw =~ s/Date: .*//r, document('foreign')->raw =~ s/Date: .*//r, "another's: $_") for qw(foreignlarge foreignhuge);
for my $id (qw(ownlarge ownhuge)) {
    $up->clear;
    outcome_is(patched($id), 413, 'too-costly', "$id, patched: all of it is needed");
    is(methods(), 'GET', 'is not written');
}
is(patched($_)->raw =~ s/Date: .*//r, patched('missing')->raw =~ s/Date: .*//r, "$_ or missing, patched") for qw(foreign foreignlarge foreignhuge);
sub person { my (%more) = @_; $up->clear; return every('PUT', 'Patient/p1', headers => [ 'Content-Type' => 'application/fhir+json' ], body => JSON::PP->new->canonical->encode({ resourceType => 'Patient', id => 'p1', %more })) }
my @link = (link => [ { other => { reference => 'Patient/p0' }, type => 'seealso' } ]);
is(person(@link, photo => [ { data => 'B' x 9000 } ])->status, 200, 'a Patient with a photo, and the same link');
is(person(@link)->status, 200, 'without the photo');
is(person(photo => [ { data => 'B' x 9000 } ])->status, 403, 'without the link');
is(person(link => [ { other => { reference => 'Patient/p9' }, type => 'seealso' } ], photo => [ { data => 'B' x 9000 } ])->status, 403, 'with another link');
is(methods(), 'GET', 'which is not written');
outcome_is(person(@link, name => [ map { { text => "n$_" } } 1 .. 900 ]), 413, 'too-long', 'a new one that is too large to be compared');
is(every('GET', "Provenance/$_")->raw =~ s/Date: .*//r, every('GET', 'Provenance/missing')->raw =~ s/Date: .*//r, "Provenance/$_ or missing") for qw(foreign foreignlarge brokenonly);

# D6: one target that is covered is enough, whatever becomes of the others
is(every('GET', "Provenance/$_")->status, 200, "Provenance/$_") for qw(beside beyond ownlarge);
outcome_is(every('GET', 'Provenance/unreached'), 502, 'transient', 'a target that could not be asked for, and none that is covered');
$up->clear;

# what the operator's proxy_pass makes of the read is compared as well
for my $where (qw(method put body)) {
    $nginx->{allow} = [qr/is not what was judged/];
    $r = put_it($where, 'own');
    is($r->status, 500, "$where: refused");
    upstream_got($up, 0, "$where: nothing was sent");
}

# captures and rewrites: the read finds the same upstream
$nginx->mark;
is(delete_it('re', 'own')->status, 404, 'regex location') for 1;
is(join(' ', map { $_->target . ' ' . ($_->header('X-M') // '') } $up->wait_requests(1)), '/re/Observation/own re', 'its path and variables');
$up->clear;

# never from a cache
is($nginx->get('/cached/Observation/own', bearer => $token)->status, 200, 'cached');
is($nginx->get('/cached/Observation/own', bearer => $token)->status, 200, 'cached');
is(methods(), 'GET', 'once asked for');
$up->clear;
is(delete_it('cached', 'own')->status, 204, 'DELETE with a cache');
is(methods(2), 'GET DELETE', 'the read goes to the upstream');
$up->clear;

# the client goes away meanwhile; the worker lives and nothing is written
for (1 .. 3) {
    my $gone = $nginx->client;
    $gone->send($gone->compose('DELETE', '/r4/Observation/slow', bearer => $token));
    $up->wait_requests($_);
    $gone->close;
}
is(put_it('r4', 'own')->status, 200, 'the worker lives');
unlike(methods(5), qr/DELETE/, 'nothing was deleted');

done_testing();
