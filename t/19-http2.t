# HTTP/2 in front: the same verdicts, bodies and answers, one stream beside another (threats section 6).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

plan(skip_all => 'no curl with HTTP/2, or no nghttp')
    if `curl --version 2>/dev/null` !~ /HTTP2/ || `nghttp --version 2>/dev/null` !~ /nghttp/;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation {
    my ($id, $patient, @more) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" }, @more };
}
my $up = upstream(
    qr{Observation/o1$}    => { json => observation('o1', 'p1') },
    qr{Observation/o2$}    => { json => observation('o2', 'p2') },
    qr{Observation/big$}   => { json => observation('big', 'p1', note => [ { text => 'x' x 200000 } ]), chunked => 1 },
    qr{Observation/cut$}   => { body => '{"resourceType":"Observation","id":"cut"' . ' ' x 500, truncate => 300 },
    qr{Observation/slow$}  => { json => observation('slow', 'p1'), delay => 0.3 },
    qr{Observation/large$} => { json => observation('large', 'p1', note => [ { text => 'x' x 1200000 } ]) },
    qr{^PUT }              => { json => { resourceType => 'Organization', id => 'g1' } },
    qr{Observation}        => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => observation('o1', 'p1') } ] } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_response_max 1m;
    server {
        listen 127.0.0.1:%%PORT%% http2;
        location /r4         { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /unbuffered { smart hospital; proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC
my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $system = $issuer->token(scope => 'system/*.cruds');

sub h2 {
    my ($path, @options) = @_;
    open my $pipe, '-|', 'curl', '-s', '--max-time', 10, '--http2-prior-knowledge', '-i', @options, $nginx->url . $path or die;
    my $text = join '', <$pipe>;
    close $pipe;
    my ($status) = $text =~ m{^HTTP/2 (\d+)};
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    return { status => $status // 0, head => $head // '', body => $body // '', exit => $? >> 8 };
}
my @auth = ('-H', "Authorization: Bearer $token");

for my $at (qw(/r4 /unbuffered)) {
    my $r = h2("$at/Observation/o1");
    is($r->{status}, 401, "$at: no token");
    like($r->{head}, qr/^www-authenticate: Bearer\r?$/m, "$at: challenge");
    for my $case ([ o1 => 200 ], [ big => 200 ], [ o2 => 404 ], [ cut => 502 ], [ large => 502 ]) {
        my ($id, $status) = @$case;
        $r = h2("$at/Observation/$id", @auth);
        is("$r->{status} $r->{exit}", "$status 0", "$at: $id");
        like($r->{body}, $status == 200 ? qr/"id":"$id"/ : qr/OperationOutcome/, "$at: $id: its body");
        unlike($r->{body}, qr/p2/, "$at: $id: nothing of another");
        my $head = h2("$at/Observation/$id", @auth, '-I');
        is("$head->{status} $head->{body}", "$status ", "$at: HEAD of $id");
    }
    $up->clear;
    is(h2("$at/Observation?code=a", @auth)->{status}, 200, "$at: search");
    is($up->last->query, 'code=a&patient=p1', "$at: narrowed");
    is(h2("$at/Observation?code=a&patient=p2", @auth)->{status}, 403, "$at: another patient");
    $up->clear;
    is(h2("$at/Observation/_search", @auth, '-d', 'code=a')->{status}, 200, "$at: POST");
    is($up->last->body, 'code=a&patient=p1', "$at: narrowed");
    $up->clear;
    is(h2("$at/Observation/_search", @auth, '-H', 'Content-Length:', '-H', 'Transfer-Encoding: chunked', '-d', 'code=a')->{status}, 200, "$at: POST without length");
    is($up->last->body, 'code=a&patient=p1', "$at: narrowed");
    $up->clear;
    my $body = '{"resourceType":"Organization","id":"g1","name":"' . 'n' x 300000 . '"}';
    spew($nginx->prefix . '/body', $body);
    is(h2("$at/Organization/g1", '-H', "Authorization: Bearer $system", '-X', 'PUT', '-H', 'Content-Type: application/fhir+json', '--data-binary', '@' . $nginx->prefix . '/body')->{status}, 200, "$at: a large PUT");
    is(length $up->last->body, length $body, "$at: whole");
    $up->clear;
    my $frames = `nghttp -nv -t 10 -H ':method: PUT' -H 'content-type: application/fhir+json' -d @{[ $nginx->prefix ]}/body @{[ $nginx->url ]}$at/Organization/g1 2>&1`;
    like($frames, qr/:status: 401/, "$at: a large PUT without token") || diag($frames);
    upstream_got($up, 0, "$at: nothing was sent");
}
is(h2('/r4/Observation/o1', @auth, '-H', 'X-SMART-Patient: p2')->{status}, 200, 'spoofed');
header_is($up->last, 'X-SMART-Patient', 'p1', 'ours');
$up->clear;

# streams of one connection: each its own verdict
open my $pipe, '-|', 'curl', '-sS', '--no-progress-meter', '--max-time', 10, '--http2-prior-knowledge', '-Z', '--parallel-immediate', @auth, '-w', '%{http_code} %{url}\n', '-o', '/dev/null',
    map { ('-o', '/dev/null', $nginx->url . "/r4/Observation/$_") } qw(slow o2 o1 cut slow o2 big) or die;
my %codes;
while (<$pipe>) { $codes{$2}{$1}++ if m{(\d{3}) \S+/(\w+)$} }
close $pipe;
is_deeply(\%codes, { slow => { 200 => 2 }, o2 => { 404 => 2 }, o1 => { 200 => 1 }, cut => { 502 => 1 }, big => { 200 => 1 } }, 'streams') || diag(explain(\%codes));

# a client that goes away while an answer is held
for (1 .. 5) {
    open my $gone, '-|', 'curl', '-s', '--max-time', 0.1, '--http2-prior-knowledge', @auth, $nginx->url . '/r4/Observation/slow' or die;
    my @nothing = <$gone>;
    close $gone;
}
is(h2('/r4/Observation/o1', @auth)->{status}, 200, 'nginx lives on');

done_testing();
