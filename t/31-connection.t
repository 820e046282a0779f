# Keep-alive, pipelining, early ends and odd framing: one request leaves nothing behind for the next (threats section 6).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation {
    my ($id, $patient, @more) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" }, @more };
}
my $up = upstream(
    qr{Observation/o1$}    => { json => observation('o1', 'p1') },
    qr{Observation/o2$}    => { json => observation('o2', 'p2') },
    qr{Observation/slow$}  => { json => observation('slow', 'p1'), delay => 0.3 },
    qr{Observation/drip$}  => { parts => [ '{"resourceType":"Observation",', '"id":"drip",', '"subject":{"reference":"Patient/p1"}}' ], part_delay => 0.2 },
    qr{Observation/endless$} => { parts => [ map { 'x' x 65536 } 1 .. 64 ], part_delay => 0.05 },
    qr{Observation/drop$}  => { drop => 1 },
    qr{Observation}        => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => observation('o1', 'p1') } ] } },
    qr{^PUT }              => sub { return { json => { resourceType => 'Organization', id => 'g1' } } },
);
my $nginx = nginx(workers => 2, vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    upstream kept { server 127.0.0.1:%%UPSTREAM%%; keepalive 4; }
    server {
        listen 127.0.0.1:%%PORT%%;
        client_body_timeout 2s;
        location /r4   { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /kept { smart hospital; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://kept; }
        location /spill { smart hospital; client_body_buffer_size 1k; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /stream { smart hospital; proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC
my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $other  = $issuer->token(scope => 'patient/*.rs', patient => 'p2');
my $system = $issuer->token(scope => 'system/*.cruds');
my @form   = ('Content-Type' => 'application/x-www-form-urlencoded');
my @json   = ('Content-Type' => 'application/fhir+json');

# one connection, several people
for my $at (qw(/r4 /kept)) {
    my $c = $nginx->client;
    for my $case ([ $token, 'o1', 200 ], [ $other, 'o1', 404 ], [ undef, 'o1', 401 ], [ $other, 'o2', 200 ], [ $token, 'o2', 404 ], [ 'x', 'o1', 401 ], [ $token, 'o1', 200 ]) {
        my ($bearer, $id, $status) = @$case;
        is($c->get("$at/Observation/$id", bearer => $bearer)->status, $status, "$at: keep-alive: $id $status");
    }
    is($c->post("$at/Observation/_search", bearer => $token, headers => \@form, body => 'code=a')->status, 200, "$at: a form");
    is($c->get("$at/Observation/o2", bearer => $token)->status, 404, "$at: and on");
    ok(!$c->is_closed, "$at: one connection");
}

# pipelined: answers in order, each its own verdict
my $c = $nginx->client;
my @ask = map { $c->compose('GET', "/r4/Observation/$_->[0]", bearer => $_->[1]) } [ 'slow', $token ], [ 'o2', $token ], [ 'o1', undef ], [ 'o1', $token ];
my $post = $c->compose('POST', '/r4/Observation/_search', bearer => $token, headers => \@form, body => 'code=a');
my $denied = $c->compose('POST', '/r4/Observation/_search', headers => \@form, body => 'code=a');
$c->send(join '', $ask[0], $post, $ask[1], $denied, $ask[2], $ask[3]);
is(join(' ', map { $c->read(method => 'GET')->status } 1 .. 6), '200 200 404 401 401 200', 'pipelined');

# framing that two parsers may read differently never passes
$up->clear;
for my $head ("Content-Length: 6\r\nTransfer-Encoding: chunked", "Content-Length: 6\r\nContent-Length: 7", "Content-Length: +6", "Content-Length: 6,6",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked", "Content-Length : 6", "Content-Length: 0x6")
{
    my $raw = $nginx->client;
    $raw->send("POST /r4/Observation/_search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Type: application/x-www-form-urlencoded\r\n$head\r\n\r\ncode=a");
    my $r = $raw->read(method => 'POST', timeout => 3);
    ok($r->status >= 400 || $r->status == 0, "framing: $head: " . $r->status) || diag($r->raw);
}
upstream_got($up, 0, 'nothing was sent');

# bodies: large ones whole, whatever the buffering
my $body = '{"resourceType":"Organization","id":"g1","name":"' . 'n' x 200000 . '"}';
for my $at (qw(/r4 /spill /stream /kept)) {
    is($nginx->request('PUT', "$at/Organization/g1", bearer => $system, headers => \@json, body => $body)->status, 200, "$at: a large PUT");
    is($up->last->body, $body, "$at: whole");
    $up->clear;
    my @chunks = $body =~ /(.{1,3000})/gs;
    is($nginx->request('PUT', "$at/Organization/g1", bearer => $system, headers => \@json, chunked => \@chunks)->status, 200, "$at: in chunks");
    is($up->last->body, $body, "$at: whole");
    $up->clear;
    my $slow = $nginx->client;
    $slow->send($slow->compose('PUT', "$at/Organization/g1", bearer => $system, headers => [ @json, 'Content-Length' => length $body ]));
    for my $part (substr($body, 0, 50000), substr($body, 50000)) { select undef, undef, undef, 0.15; $slow->send($part) }
    is($slow->read(method => 'PUT')->status, 200, "$at: slowly");
    is($up->last->body, $body, "$at: whole");
    $up->clear;
    my $form = 'code=' . join ',', map { "c$_" } 1 .. 900;
    $slow->send($slow->compose('POST', "$at/Observation/_search", bearer => $token, headers => [ @form, 'Content-Length' => length $form ]));
    for my $part (substr($form, 0, 1500), substr($form, 1500)) { select undef, undef, undef, 0.15; $slow->send($part) }
    is($slow->read(method => 'POST')->status, 200, "$at: a form slowly");
    is($up->last->body, "$form&patient=p1", "$at: whole and narrowed");
    $up->clear;
}

# clients that go away: while the body comes, while the answer is awaited, while it is held
for my $n (1 .. 3) {
    my $gone = $nginx->client;
    $gone->send("POST /r4/Observation/_search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nco");
    $gone->close;
    for my $id (qw(slow drip endless)) {
        $gone = $nginx->client;
        $gone->send($gone->compose('GET', "/r4/Observation/$id", bearer => $token));
        select undef, undef, undef, 0.05 * $n;
        $gone->close;
    }
}
my $idle = $nginx->client;
$idle->send("POST /r4/Observation/_search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nco");
my $r = $idle->read(method => 'POST', timeout => 5);
ok($r->status == 408 || $r->status == 0, 'a body that never comes: ' . $r->status);

# answers larger than the limit end at once, upstreams that drop give 502
my $started = time;
outcome_is($nginx->get('/r4/Observation/endless', bearer => $token), 502, 'processing', 'an endless answer');
ok(time - $started < 3, 'ended early');
outcome_is($nginx->get('/r4/Observation/drop', bearer => $token), 502, 'transient', 'an upstream that drops');
is($nginx->get('/r4/Observation/drip', bearer => $token)->status, 200, 'an answer drop by drop');

# HTTP/1.0 and a reload in between
is($nginx->get('/r4/Observation/o1', bearer => $token, version => '1.0')->status, 200, 'HTTP/1.0');
my $across = $nginx->client;
$across->send($across->compose('GET', '/r4/Observation/slow', bearer => $token));
ok($nginx->reload, 'reload');
is($across->read(method => 'GET')->status, 200, 'a request across a reload');
is($nginx->get('/r4/Observation/o1', bearer => $token)->status, 200, 'and one after it');
is($nginx->get('/r4/Observation/o2', bearer => $token)->status, 404, 'refused after it');

done_testing();
