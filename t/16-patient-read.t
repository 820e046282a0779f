# Reads under patient/: held, judged by the compartment, released unchanged or replaced (RULES D1, D2, D4, D9, L10, L12).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

# bytes that must survive as they are
my $exact = qq({ "resourceType" : "Observation",\n "id":"exact","valueQuantity":{"value":1.50, "unit":"\\u00b5g"},\n)
    . qq("subject":{"reference":"Patient/p1"} , "note":[] }\n);

sub observation {
    my ($id, %more) = @_;
    return { json => { resourceType => 'Observation', id => $id, status => 'final', %more } };
}
my $own     = { subject => { reference => 'Patient/p1' } };
my $foreign = { subject => { reference => 'Patient/p2' } };
my %answers = (
    own        => observation('own', %$own),
    versioned  => observation('versioned', subject => { reference => 'Patient/p1/_history/3' }),
    absolute   => observation('absolute', subject => { reference => "$base/Patient/p1" }),
    performer  => observation('performer', %$foreign, performer => [ { reference => 'Patient/p1' } ]),
    foreign    => observation('foreign', %$foreign),
    elsewhere  => observation('elsewhere', subject => { reference => 'https://other.example.org/Patient/p1' }),
    identifier => observation('identifier', subject => { identifier => { value => 'p1' }, display => 'Patient/p1' }),
    nobody     => observation('nobody'),
    prefix     => observation('prefix', subject => { reference => 'Patient/p11' }),
    focus      => observation('focus', %$foreign, focus => [ { reference => 'Patient/p1' } ]),
    exact      => { body => $exact },
    chunked    => { body => $exact =~ s/exact/chunked/r, chunked => [ map { $_ } ($exact =~ s/exact/chunked/r) =~ /(.{1,7})/gs ] },
    otherid    => observation('own', %$own),
    othertype  => { json => { resourceType => 'Condition', id => 'othertype', %$own } },
    duplicate  => { body => '{"resourceType":"Observation","id":"duplicate","subject":{"reference":"Patient/p2"},"subject":{"reference":"Patient/p1"}}' },
    broken     => { body => '{"resourceType":"Observation","id":"broken","subject":{"reference":"Patient/p1"}' },
    trailing   => { body => '{"resourceType":"Observation","id":"trailing","subject":{"reference":"Patient/p1"}} {}' },
    truncated  => { body => $exact =~ s/exact/truncated/r, truncate => 40 },
    shortchunk => { raw => "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"res\r\n" },
    empty      => { body => '' },
    xml        => { body => '<Observation/>', headers => [ 'Content-Type' => 'application/fhir+xml' ] },
    plain      => { body => 'secret', headers => [ 'Content-Type' => 'text/plain' ] },
    gzip       => { body => 'secret', headers => [ 'Content-Type' => 'application/fhir+json', 'Content-Encoding' => 'gzip' ] },
    tagged     => { headers => [ ETag => 'W/"7"', 'Last-Modified' => 'Sat, 01 Jan 2000 00:00:00 GMT' ], json => { resourceType => 'Observation', id => 'tagged', %$own } },
    taggedother => { headers => [ ETag => 'W/"7"' ], json => { resourceType => 'Observation', id => 'taggedother', subject => { reference => 'Patient/p2' } } },
    partial    => { %{ observation('partial', %$own) }, status => 206 },
    moved      => { status => 302, headers => [ Location => '/fhir/Observation/foreign' ], body => 'secret' },
    notmod     => { status => 304, body => '' },
    missing    => { status => 404, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'not-found', diagnostics => 'never there' } ] } },
    deleted    => { status => 410, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'deleted', diagnostics => 'was there' } ] } },
    unwell     => { status => 500, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'exception', diagnostics => 'kept' } ] } },
    unwellhtml => { status => 500, headers => [ 'Content-Type' => 'text/html' ], body => 'secret' },
    large      => observation('large', %$own, note => [ { text => 'x' x 70000 } ]),
    larger     => observation('larger', %$own, note => [ { text => 'x' x 1100000 } ]),
    largechunk => { json => { resourceType => 'Observation', id => 'largechunk', %$own, note => [ { text => 'y' x 1100000 } ] }, chunked => 1 },
    slow       => { parts => [ '{"resourceType":"Observation",', '"id":"slow","subject":{"reference":', '"Patient/p1"}}' ], part_delay => 0.2 },
    accepted   => { json => { resourceType => 'OperationOutcome', issue => [] } },
);
my $up = upstream(
    (map { ("GET /fhir/Observation/$_" => $answers{$_}) } keys %answers),
    'GET /fhir/Patient/p1' => { json => { resourceType => 'Patient', id => 'p1' } },
    'GET /fhir/Patient/p2' => { json => { resourceType => 'Patient', id => 'p2' } },
    'GET /fhir/Organization/g1' => { json => { resourceType => 'Organization', id => 'g1' } },
    'HEAD /fhir/Organization/g1' => { json => { resourceType => 'Organization', id => 'g1' } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy open { hide_existence off; }
    smart_response_max 1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4         { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /open       { smart hospital policy=open; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /unbuffered { smart hospital; proxy_buffering off; proxy_http_version 1.1; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /tight      { smart hospital; smart_response_max 90; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /files      { smart hospital; proxy_buffer_size 1k; proxy_buffers 2 1k; proxy_busy_buffers_size 1k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /spill      { smart hospital; smart_response_buffer 1; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /gzip       { smart hospital; gzip on; gzip_types application/fhir+json; gzip_min_length 1; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $reads  = $issuer->token(scope => 'patient/Observation.r', patient => 'p1');
my $search = $issuer->token(scope => 'patient/Observation.s', patient => 'p1');
my $nobody = $issuer->token(scope => 'patient/*.rs');
my $system = $issuer->token(scope => 'system/*.rs');

my $missing = $nginx->get('/r4/Observation/missing', bearer => $token);
outcome_is($missing, 404, 'not-found', 'missing');
unlike($missing->raw, qr/never there/, 'in our words');

for my $at (qw(r4 unbuffered files spill)) {
    for my $id (qw(own versioned absolute performer exact chunked large slow accepted)) {
        my $r = $nginx->get("/$at/Observation/$id", bearer => $token);
        is($r->status, 200, "$at: $id is released") || diag($r->raw);
    }
    is($nginx->get("/$at/Observation/exact", bearer => $token)->body, $exact, "$at: byte for byte");
    is($nginx->get("/$at/Observation/chunked", bearer => $token)->body, $exact =~ s/exact/chunked/r, "$at: byte for byte from chunks");

    for my $id (qw(foreign elsewhere identifier nobody prefix focus deleted)) {
        my $r = $nginx->get("/$at/Observation/$id", bearer => $token);
        is($r->status, 404, "$at: $id is as if missing");
        is($r->body, $missing->body, "$at: $id, byte for byte");
        is(join(',', map { $_->[0] } grep { $_->[0] ne 'Date' } @{ $r->headers }),
            join(',', map { $_->[0] } grep { $_->[0] ne 'Date' } @{ $missing->headers }), "$at: $id, header for header");
    }
    for my $id (qw(otherid othertype duplicate broken trailing truncated shortchunk empty xml plain gzip partial moved notmod larger largechunk)) {
        my $r = $nginx->get("/$at/Observation/$id", bearer => $token, timeout => 5);
        outcome_is($r, 502, 'processing', "$at: $id cannot be judged");
        unlike($r->raw, qr/secret|Location|Content-Encoding|p2/, "$at: nothing of $id passes");
    }
    my $r = $nginx->get("/$at/Observation/unwell", bearer => $token);
    is($r->status . ' ' . ($r->json->{issue}[0]{diagnostics} // ''), '500 kept', "$at: an upstream's OperationOutcome passes");
    $r = $nginx->get("/$at/Observation/unwellhtml", bearer => $token);
    is($r->status, 500, "$at: the status passes");
    unlike($r->raw, qr/secret|html/, "$at: the page does not");
}

# the own Patient, another; other scopes; no check for whoever may read all
is($nginx->get('/r4/Patient/p1', bearer => $token)->status, 200, 'own Patient');
$up->clear;
outcome_is($nginx->get('/r4/Patient/p2', bearer => $token), 403, 'forbidden', 'another Patient');
outcome_is($nginx->get('/r4/Observation/own', bearer => $search), 403, 'forbidden', 's alone does not read');
outcome_is($nginx->get('/r4/Observation/own', bearer => $nobody), 403, 'forbidden', 'no patient in the token');
upstream_got($up, 0, 'nothing was sent');
is($nginx->get('/r4/Observation/own', bearer => $reads)->status, 200, 'r alone reads');
is($nginx->get('/r4/Observation/foreign', bearer => $system)->status, 200, 'system/ reads all');
is($nginx->get('/r4/Organization/g1', bearer => $token)->status, 200, 'a shared type');
outcome_is($nginx->get('/open/Observation/foreign', bearer => $token), 403, 'forbidden', 'hide_existence off');

# 304 is said here, of what was judged (D9)
{
    my $r = $nginx->get('/r4/Observation/tagged', bearer => $token);
    header_is($r, 'ETag', 'W/"7"', 'the tag of one resource stays');
    $r = $nginx->get('/r4/Observation/tagged', bearer => $token, headers => [ 'If-None-Match' => 'W/"7"' ]);
    is($r->status . ' [' . $r->body . ']', '304 []', 'the client has it');
    header_is($r, 'ETag', 'W/"7"', 'and is told which');
    header_is($r, 'Content-Type', '', 'nothing is said of a body');
    header_is($up->last, 'If-None-Match', '', 'the upstream was asked for the whole');
    $r = $nginx->get('/r4/Observation/tagged', bearer => $token, headers => [ 'If-None-Match' => 'W/"6"' ]);
    is($r->status, 200, 'control: another version');
    is($nginx->get('/r4/Observation/taggedother', bearer => $token, headers => [ 'If-None-Match' => 'W/"7"' ])->status, 404, 'a foreign one is missing, whatever the client guesses');
}

# what goes upstream so that the answer can be judged
$up->clear;
$nginx->get('/r4/Observation/own?_format=json&_pretty=true', bearer => $token, headers => [ Accept => 'application/json', 'Accept-Encoding' => 'gzip', Range => 'bytes=0-5', 'If-None-Match' => 'W/"1"', 'If-Modified-Since' => 'Sat, 01 Jan 2050 00:00:00 GMT', 'If-Match' => 'W/"1"', 'If-Range' => '"x"' ]);
header_is($up->last, 'Accept', 'application/fhir+json', 'JSON is asked for');
for my $name ('Accept-Encoding', 'Range', 'If-None-Match', 'If-Modified-Since', 'If-Match', 'If-Range') {
    header_is($up->last, $name, '', "$name is withheld");
}
is($up->last->query, '_pretty=true', '_format is withheld');
$up->clear;
$nginx->get('/r4/Organization/g1', bearer => $system, headers => [ 'Accept-Encoding' => 'gzip', 'If-None-Match' => 'W/"1"' ]);
header_is($up->last, 'If-None-Match', 'W/"1"', 'control: without a check it passes');
outcome_is($nginx->get('/r4/Observation/own?_format=xml', bearer => $token), 406, 'not-supported', 'XML under a check');
outcome_is($nginx->get('/r4/Observation/own', bearer => $token, headers => [ Accept => 'application/fhir+xml' ]), 406, 'not-supported', 'XML by Accept');

# HEAD: asked as GET, the same status and length
for my $at (qw(r4 unbuffered files spill)) {
    for my $id (qw(own exact chunked foreign missing xml truncated)) {
        my $get  = $nginx->get("/$at/Observation/$id", bearer => $token);
        my $head = $nginx->head("/$at/Observation/$id", bearer => $token);
        is($head->status, $get->status, "$at: HEAD of $id");
        is($head->header('Content-Length'), length $get->body, "$at: its length");
        is($head->body, '', "$at: no body");
    }
}
$up->clear;
$nginx->head('/r4/Organization/g1', bearer => $system);
is($up->last->method, 'HEAD', 'without a check HEAD stays');

# limits, and filters behind ours
outcome_is($nginx->get('/tight/Observation/own', bearer => $token), 502, 'processing', 'smart_response_max');
is($nginx->get('/tight/Patient/p1', bearer => $token)->status, 200, 'what fits is released');
my $r = $nginx->get('/gzip/Observation/large', bearer => $token, headers => [ 'Accept-Encoding' => 'gzip' ]);
is($r->status . ' ' . ($r->header('Content-Encoding') // ''), '200 gzip', 'compressed behind us');

# the connection lives on after each of these
my $c = $nginx->client;
for my $id (qw(own foreign xml larger own unwellhtml missing own)) {
    my $first = $c->get("/r4/Observation/$id", bearer => $token);
    ok($first->status, "keep-alive: $id " . $first->status);
    ok(!$c->is_closed, "keep-alive: open after $id") if $id ne 'unwellhtml';
}

done_testing();
