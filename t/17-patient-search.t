# Searches under patient/, by GET and by POST: narrowed, held, judged entry by entry (RULES C15, C19, L5, L11, L12).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation {
    my ($id, $patient) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" } };
}

sub bundle {
    my (@resources) = @_;
    return { resourceType => 'Bundle', type => 'searchset', total => scalar @resources,
        entry => [ map { { resource => $_, search => { mode => 'match' } } } @resources ] };
}

# The code asked for chooses the answer, so that the same narrowing is always in it.
my %answers = (
    own      => { json => bundle(observation('o1', 'p1'), observation('o2', 'p1')) },
    none     => { json => { resourceType => 'Bundle', type => 'searchset', total => 0 } },
    mixed    => { json => bundle(observation('o1', 'p1'), observation('o2', 'p2')) },
    foreign  => { json => bundle(observation('o2', 'p2')) },
    chunked  => { json => bundle(map { observation("c$_", 'p1') } 1 .. 300), chunked => 1 },
    history  => { json => { %{ bundle(observation('o1', 'p1')) }, type => 'history' } },
    outcome  => { status => 400, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'invalid', diagnostics => 'kept' } ] } },
    tagged   => { headers => [ ETag => 'W/"9"', 'Last-Modified' => 'Sat, 01 Jan 2000 00:00:00 GMT' ], json => bundle(observation('o1', 'p1'), observation('o2', 'p2')) },
    broken   => { body => '{"resourceType":"Bundle","type":"searchset","entry":[' },
    html     => { headers => [ 'Content-Type' => 'text/html' ], body => 'secret' },
    linked   => { json => { %{ bundle(observation('o1', 'p1')) }, total => 7, link => [ { relation => 'self', url => "$base/Observation?code=linked&patient=p1" } ] } },
    included => { json => { %{ bundle(observation('o1', 'p1')) }, entry => [ { resource => observation('o1', 'p1') }, { resource => { resourceType => 'Patient', id => 'p2' }, search => { mode => 'include' } } ] } },
);
my $answer = sub {
    my ($request) = @_;
    my ($code) = ($request->query // '') . '&' . $request->body =~ /code=([a-z]+)/;
    ($code) = (($request->query // '') . '&' . $request->body) =~ /\bcode=([a-z]+)/;
    return $answers{ $code // 'own' } || $answers{own};
};
my $up = upstream(
    qr{^(?:GET|POST) /fhir/Observation} => $answer,
    qr{^GET /fhir/Patient$}      => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => { resourceType => 'Patient', id => 'p1' } } ] } },
    qr{^GET /fhir/Organization$} => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => { resourceType => 'Organization', id => 'g1' } } ] } },
    qr{^GET /fhir/AdverseEvent$} => { json => { resourceType => 'Bundle', type => 'searchset' } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4         { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /spilled    { smart hospital; client_body_buffer_size 16; client_body_in_file_only off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /file       { smart hospital; client_body_in_file_only clean; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /unbuffered { smart hospital; proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /named      { smart hospital; proxy_set_header X-Intermediary gateway; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /small      { smart hospital; smart_body_buffer 20; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $reads  = $issuer->token(scope => 'patient/*.r', patient => 'p1');
my $system = $issuer->token(scope => 'system/*.rs');
my @form   = ('Content-Type' => 'application/x-www-form-urlencoded');

sub search {
    my ($how, $at, $query, $bearer) = @_;
    return $how eq 'GET'
        ? $nginx->get("$at/Observation?$query", bearer => $bearer)
        : $nginx->post("$at/Observation/_search", bearer => $bearer, headers => \@form, body => $query);
}

sub sent {
    my ($how) = @_;
    my $last = $up->last or return 'nothing';
    return $how eq 'GET' ? $last->query : $last->body;
}

# Before anything is answered that the narrowing excludes.
for my $at (qw(/r4 /spilled /file /unbuffered)) {
    for my $how (qw(GET POST)) {
        is(search($how, $at, 'code=linked', $token)->json->{total}, 7, "$at by $how: a total that the link explains (L6)");
    }
}

for my $at (qw(/r4 /spilled /file /unbuffered)) {
    for my $how (qw(GET POST)) {
        my $name = "$at by $how";
        my $r = search($how, $at, 'code=own', $token);
        is($r->status, 200, "$name: own") || diag($r->raw);
        is(scalar @{ $r->json->{entry} }, 2, "$name: whole");
        is($r->json->{total}, undef, "$name: without the total that no link explains (L6)");
        is(sent($how), 'code=own&patient=p1', "$name: narrowed");
        is($up->last->header('Content-Length'), 19, "$name: length of the narrowed form") if $how eq 'POST';
        is($up->last->query, undef, "$name: only the form is narrowed") if $how eq 'POST';
        $up->clear;

        for my $already ('code=own&patient=p1', 'patient=p1&code=own') {
            is(search($how, $at, $already, $token)->status, 200, "$name: said already");
            is(sent($how), $already, "$name: nothing is said twice");
            $up->clear;
        }
        for my $kind (qw(none chunked)) {
            is(search($how, $at, "code=$kind", $token)->status, 200, "$name: $kind");
        }
        is(search($how, $at, 'code=outcome', $token)->json->{issue}[0]{diagnostics}, 'kept', "$name: an upstream's error");
        my %left = (mixed => 'o1', foreign => '', included => 'o1');
        for my $kind (sort keys %left) {
            $r = search($how, $at, "code=$kind", $token);
            is($r->status, 200, "$name: $kind");
            is(join(',', map { $_->{resource}{id} } @{ $r->json->{entry} }), $left{$kind}, "$name: $kind is cut");
            unlike($r->raw, qr/p2/, "$name: nothing else passes");
        }
        for my $kind (qw(history broken html)) {
            $r = search($how, $at, "code=$kind", $token);
            outcome_is($r, 502, 'processing', "$name: $kind is refused as a whole");
            unlike($r->raw, qr/p2|secret|o1/, "$name: nothing of it passes");
        }
        $up->clear;
        for my $query ('patient=p2', 'patient=p1,p2', 'patient=p1&patient=p2', 'subject=Patient/p2', 'patient=Patient/p2',
            "patient=$base/Patient/p2", '%70atient=p2', 'patient=%702', 'subject:Patient=p2', 'performer:Patient.name=x',
            '_has:Condition:patient:code=x', '_filter=x', '_query=x', '_contained=true', '_unknown=x', '_method=DELETE')
        {
            $r = search($how, $at, "code=own&$query", $token);
            ok($r->status == 403 || $r->status == 400, "$name: $query is refused") || diag($r->status);
        }
        for my $query ('&&', 'a=%', 'a=%00', 'code=%ff', '=x', "code=x\x01") {
            $r = search($how, $at, $query, $token);
            ok($r->status >= 400 && $r->status < 500, "$name: malformed is refused") || diag($r->status, $r->raw);
        }
        outcome_is(search($how, $at, 'code=own', $reads), 403, 'forbidden', "$name: r alone does not search");
        outcome_is(search($how, $at, 'code=own', undef), 401, 'login', "$name: no token");
        upstream_got($up, 0, "$name: nothing was sent");
        is(search($how, $at, 'code=mixed', $system)->status, 200, "$name: system/ sees all");
        is(sent($how), 'code=mixed', "$name: and is not narrowed");
        $up->clear;
    }
}

# parameters of URL and form are one
my $r = $nginx->post('/r4/Observation/_search?patient=p2', bearer => $token, headers => \@form, body => 'code=own');
outcome_is($r, 403, 'forbidden', 'another patient in the URL of a form');
$r = $nginx->post('/r4/Observation/_search?code=own', bearer => $token, headers => \@form, body => '');
is($r->status, 200, 'an empty form') || diag($r->raw);
is($up->last->query . ' ' . $up->last->body, 'code=own patient=p1', 'narrowed in the form');
$up->clear;
$r = $nginx->post('/r4/Observation/_search?code=own', bearer => $token, headers => [ @form, 'Content-Length' => 0 ]);
is($r->status, 200, 'no form at all') || diag($r->raw);
is($up->last->body, 'patient=p1', 'narrowed in a form');
$up->clear;
$r = $nginx->post('/r4/Observation/_search', bearer => $token, headers => \@form, chunked => [ 'code', '=ow', 'n' ]);
is($r->status, 200, 'chunked');
is($up->last->body, 'code=own&patient=p1', 'narrowed');
is(join(',', $up->last->header_all('Content-Length'), $up->last->header_all('Transfer-Encoding')), '19', 'with a length');
$up->clear;

# B15: who changed a request says so, and nobody else does
sub intermediary { my ($query, $bearer, @more) = @_; $nginx->get("/r4/Observation?$query", bearer => $bearer, headers => \@more); my $got = join '|', $up->last->header_all('X-Intermediary'); $up->clear; return $got }
is(intermediary('code=own', $token), 'fhir.example.org', 'narrowed: by the public base');
is(intermediary('code=own&patient=p1', $token), '', 'not changed');
is(intermediary('code=own', $system), '', 'not changed either');
is(intermediary('code=own', $system, 'X-Intermediary' => 'proxy.example.net'), 'proxy.example.net', 'one on the way to us');
is(intermediary('code=own', $token, 'X-Intermediary' => 'proxy.example.net'), 'proxy.example.net, fhir.example.org', 'and we behind it');
is(intermediary('code=own', $token, 'x_intermediary' => 'other', 'X-INTERMEDIARY' => 'a', 'X-Intermediary' => 'b'), 'a, b, fhir.example.org', 'in several lines');
search('POST', '/r4', 'code=own', $token);
is($up->last->header('X-Intermediary'), 'fhir.example.org', 'a form');
is($nginx->get('/named/Observation?code=own', bearer => $token)->status, 200, 'proxy_set_header wins');
is(join('|', $up->last->header_all('X-Intermediary')), 'gateway', 'and no second line');
$up->clear;

# content types, sizes, bodies where none belong
for my $type ('application/json', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded; charset=utf-16', 'text/plain', 'application/x-www-form-urlencoded, text/plain') {
    outcome_is($nginx->post('/r4/Observation/_search', bearer => $token, headers => [ 'Content-Type' => $type ], body => 'code=own'), 415, 'not-supported', "form of type $type");
}
outcome_is($nginx->post('/r4/Observation/_search', bearer => $token, headers => [ @form, @form ], body => 'code=own'), 415, 'not-supported', 'two types');
is($nginx->post('/r4/Observation/_search', bearer => $token, headers => [ 'Content-Type' => 'application/x-www-form-urlencoded; charset=UTF-8' ], body => 'code=own')->status, 200, 'UTF-8 is fine');
$up->clear;
outcome_is($nginx->post('/small/Observation/_search', bearer => $token, headers => \@form, body => 'code=' . 'x' x 20), 413, 'too-long', 'smart_body_buffer');
outcome_is($nginx->post('/small/Observation/_search', bearer => $token, headers => \@form, chunked => [ 'code=' . 'x' x 20 ]), 413, 'too-long', 'smart_body_buffer, chunked');
outcome_is($nginx->post('/r4/Observation/_search', bearer => $token, headers => \@form, body => join '&', map { "code=$_" } 1 .. 300), 400, 'too-long', 'more than 256 parameters');
outcome_is($nginx->request('GET', '/r4/Observation?code=own', bearer => $token, headers => \@form, body => 'patient=p2'), 400, 'invalid', 'GET with a body');
upstream_got($up, 0, 'nothing was sent');
is($nginx->post('/small/Observation/_search', bearer => $token, headers => \@form, body => 'code=own')->status, 200, 'control: what fits');
$up->clear;

# other narrowing parameters, shared types, HEAD
is($nginx->get('/r4/Patient', bearer => $token)->status, 200, 'Patient');
is($up->last->query, '_id=p1', 'Patient by _id');
$up->clear;
is($nginx->get('/r4/AdverseEvent', bearer => $token)->status, 200, 'AdverseEvent');
is($up->last->query, 'subject=Patient%2Fp1', 'several target types: with the type');
$up->clear;
is($nginx->get('/r4/Organization?name=x', bearer => $token)->status, 200, 'a shared type');
is($up->last->query, 'name=x', 'is not narrowed');
$up->clear;
my $head = $nginx->head('/r4/Observation?code=own', bearer => $token);
is($head->status . ' ' . $head->body, '200 ', 'HEAD');
is($up->last->method . ' ' . $up->last->query, 'GET code=own&patient=p1', 'asked as GET, narrowed');
is($nginx->head('/r4/Observation?code=broken', bearer => $token)->status, 502, 'HEAD of what may not pass');

# what the upstream says of the whole would change with the entries that are not shown
$r = $nginx->get('/r4/Observation?code=tagged', bearer => $token);
is(scalar @{ $r->json->{entry} }, 1, 'the foreign entry is cut out');
header_is($r, $_, '', "no $_ of what came") for 'ETag', 'Last-Modified';
$r = $nginx->get('/r4/Observation?code=tagged', bearer => $system);
header_is($r, 'ETag', 'W/"9"', 'control: nothing to check, nothing taken away');
header_is($r, 'Last-Modified', 'Sat, 01 Jan 2000 00:00:00 GMT', 'control');

done_testing();
