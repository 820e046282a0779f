# What stands around the module: caches that update themselves, retries, spilled bodies, early hints, odd targets, variables anywhere,
# and what the error log says of it.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my ($major, $minor) = `${\Smart::Nginx::binary()} -v 2>&1` =~ m{nginx/(\d+)\.(\d+)};
my $hints  = $major > 1 || $minor >= 29 ? 'early_hints 1;' : '';

sub observation {
    my ($id, $patient, @more) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" }, @more };
}
sub raw {
    my ($head, $json) = @_;
    my $body = JSON::PP->new->canonical->encode($json);
    return { raw => "HTTP/1.1 200 OK\r\n$head\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body" };
}
my $bundle = { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => observation('o1', 'p1') } ] };
my $serial = 0;
my @rules = (
    qr{/hinted$}  => { raw => "HTTP/1.1 103 Early Hints\r\nLink: </of/p2>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" },
    qr{/Observation/twice$}   => raw("Content-Type: text/html\r\nContent-Type: application/fhir+json", observation('twice', 'p2')),
    qr{/Observation/charset$} => raw("Content-Type: application/fhir+json; charset=utf-8", observation('charset', 'p1')),
    qr{/Observation/part$}    => { status => 206, headers => [ 'Content-Range' => 'bytes 0-1/100' ], json => observation('part', 'p1') },
    qr{/Observation/empty$}   => { status => 200, body => '' },
    qr{/Observation/none$}    => { status => 204 },
    qr{/Observation/moved$}   => { status => 302, headers => [ Location => '/r4/Patient/p2' ], body => 'of p2' },
    qr{/Observation/badchunk$} => { raw => "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\nof p2" },
    qr{/Observation/gzip$}    => { headers => [ 'Content-Encoding' => 'gzip', 'Content-Type' => 'application/fhir+json' ], body => "\x1f\x8b{}" },
    qr{/Observation/accel$}   => { headers => [ 'X-Accel-Expires' => '100', 'X-Accel-Buffering' => 'no', 'X-Accel-Limit-Rate' => '100000' ], json => observation('accel', 'p1') },
    qr{/Observation/(o1|o2)$} => sub { my ($id) = $_[0]->path =~ /(o\d)$/; return $_[0]->header('If-None-Match') ? { status => 304, body => '' }
        : { headers => [ ETag => '"1"', 'Last-Modified' => 'Mon, 01 Jan 2024 00:00:00 GMT' ], json => observation($id, $id =~ s/o/p/r) } },
    qr{/Observation/?(_search)?$} => { json => $bundle },
    qr{^PUT }     => { json => { resourceType => 'Organization', id => 'g1' } },
    qr{/Organization/g1$} => { json => { resourceType => 'Organization', id => 'g1' } },
);
my $up   = upstream(@rules);
my $busy = upstream(qr{} => { status => 503, body => '' });
my @all  = map { "\$smart_$_" } qw(status reason rule issuer subject client_id scope token_id patient encounter fhir_user tenant intent interaction resource_type
    context_Encounter context_EpisodeOfCare context_Nothing claim_sub claim_nothing claim_iss);
my $all = join '|', @all;

my $nginx = nginx(
    vars  => { UPSTREAM => $up->port, ISSUER => $issuer->uri, DEAD => free_port(), BUSY => $busy->port },
    allow => [qr/is not what was judged, nothing is sent/],
    conf  => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy open { hide_existence off; }
    log_format all '$all';
    access_log %%PREFIX%%/all.log all;
    map "$all" \$mapped { default x; }
    limit_req_zone \$smart_patient\$smart_subject\$smart_client_id zone=q:1m rate=1000r/s;
    proxy_cache_path %%PREFIX%%/cache keys_zone=c:1m;
    upstream pool { server 127.0.0.1:%%DEAD%% max_fails=0; server 127.0.0.1:%%BUSY%% max_fails=0; server 127.0.0.1:%%UPSTREAM%% max_fails=0; }
    server {
        listen 127.0.0.1:%%PORT%%;
        merge_slashes off;
        $hints
        limit_req zone=q burst=1000 nodelay;
        set \$early "$all";
        if (\$smart_scope) { set \$early x; }
        client_max_body_size 2m;
        location /r4     { smart hospital; proxy_set_header X-All "$all\$mapped"; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /open/  { proxy_set_header X-All "$all\$mapped"; proxy_pass http://127.0.0.1:%%UPSTREAM%%/; }
        location /retry  { smart hospital; proxy_next_upstream error timeout http_503 non_idempotent; client_body_buffer_size 1k; proxy_pass http://pool; }
        location /file   { smart hospital; client_body_in_file_only on; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /single { smart hospital; client_body_in_single_buffer on; client_body_buffer_size 1k; proxy_request_buffering off; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /stale  { smart hospital; proxy_cache c; proxy_cache_valid 200 1s; proxy_cache_use_stale updating error; proxy_cache_background_update on; proxy_cache_revalidate on; proxy_cache_lock on;
            add_header X-Cache \$upstream_cache_status always; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /store  { smart hospital; root %%PREFIX%%/stored; proxy_store on; proxy_temp_path %%PREFIX%%/store_temp; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /chain  { smart hospital; error_page 502 = \@chain; proxy_pass http://127.0.0.1:%%DEAD%%; }
        location \@chain { smart hospital policy=open; smart_base /chain; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
    server { listen 127.0.0.1:%%PORT2%%; location / { return 200 "[$all]"; } }
EOC
my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1', sub => 'subject-one');
my $other  = $issuer->token(scope => 'patient/*.rs', patient => 'p2', sub => 'subject-two');
my $system = $issuer->token(scope => 'system/*.cruds');
my @form   = ('Content-Type' => 'application/x-www-form-urlencoded');
my @json   = ('Content-Type' => 'application/fhir+json');

# answers that are not what they should be; of two types 1.22 takes the last, later ones the first
for my $case ([ twice => qr/^(?:404|502)$/ ], [ charset => 200 ], [ part => 502 ], [ empty => 502 ], [ none => 502 ], [ moved => 502 ], [ gzip => 502 ], [ accel => 200 ], [ hinted => 502 ]) {
    my ($id, $status) = @$case;
    my $r = $nginx->get("/r4/Observation/$id", bearer => $token);
    like($r->status, ref $status ? $status : qr/^$status$/, "answer $id") || diag($r->raw);
    unlike($r->raw, qr/p2/, "answer $id: nothing of another");
    unlike(join('', map { $_->head } @{ $r->interim || [] }), qr/p2/, "answer $id: nor before it");
    is($r->header('X-Accel-Expires'), undef, "answer $id: no X-Accel");
}
SKIP: {
    skip 'no early hints before 1.29', 1 unless $hints;
    my $r = $nginx->get('/open/hinted');
    like(join('', map { $_->head } @{ $r->interim || [] }), qr/p2/, 'control: early hints pass where there is no smart');
}
$up->clear;

for my $at (qw(/r4 /stale)) {
    my $bad = $nginx->get("$at/Observation/badchunk", bearer => $token);
    outcome_is($bad, 502, 'processing', "$at: broken chunks end the answer");
    unlike($bad->raw, qr/p2|\{\}/, "$at: and nothing of it is released");
    is($nginx->head("$at/Observation/badchunk", bearer => $token)->status, 502, "$at: HEAD of it");
}
$up->clear;

# targets that two readers may read differently
for my $target ('/r4//Observation/o1', '//r4/Observation/o1', '/r4/./Observation/o1', '/r4/x/../Observation/o1', '/r4/Observation/o1/', '/r4/Observation%2fo1', '/r4/%4fbservation/o1', '/r4/Observation/o1#x', '/r4/Observation/o1;x',
    '/r4/Observation?code=a#b', '/r4/Observation?code=a?patient=p2', '/r4/Observation?code=a%26patient=p2&', '/r4/Observation/o1%00', '/r4/Observation/o1%20', '/%724/Observation/o1', '/r4/Observation/o1?', '/r4/Observation?', '/r4/Observation/?code=a', '/r4/Observation?&code=a')
{
    my $r = $nginx->get($target, bearer => $token);
    my @got = $up->requests;
    if ($r->status == 200) {
        like($got[-1]->target, qr{^/r4/Observation(?:/o1(?:\?)?|/?\?(?:.*&)?patient=p1)$}, "$target: sent as judged") || diag($got[-1]->raw);
    } else {
        ok($r->status >= 400 && !@got, "$target: " . $r->status . ', nothing sent') || diag($r->raw);
    }
    $up->clear;
}
my $r = $nginx->get("http://elsewhere/r4/Observation/o2", bearer => $token);
outcome_is($r, 404, 'not-found', 'an absolute target');
$up->clear;

# retries send what was judged, with its body
my $form = 'code=' . join ',', map { "c$_" } 1 .. 900;
is($nginx->post('/retry/Observation/_search', bearer => $token, headers => \@form, body => $form)->status, 200, 'a form, retried');
is($up->last->body, "$form&patient=p1", 'the whole form');
header_is($up->last, 'X-SMART-Patient', 'p1', 'our header once');
my $body = '{"resourceType":"Organization","id":"g1","name":"' . 'n' x 100000 . '"}';
is($nginx->put('/retry/Organization/g1', bearer => $system, headers => \@json, body => $body)->status, 200, 'a PUT, retried');
is($up->last->body, $body, 'the whole body');
$up->clear;

# bodies in files
for my $at (qw(/file /single)) {
    is($nginx->post("$at/Observation/_search", bearer => $token, headers => \@form, body => $form)->status, 200, "$at: a form");
    is($up->last->body, "$form&patient=p1", "$at: narrowed");
    is($nginx->put("$at/Organization/g1", bearer => $system, headers => \@json, body => $body)->status, 200, "$at: a PUT");
    is($up->last->body, $body, "$at: whole");
    is($nginx->post("$at/Observation/_search", bearer => $token, headers => \@form, body => '')->status, 200, "$at: an empty form");
    is($up->last->body, 'patient=p1', "$at: narrowed");
    $up->clear;
}

# a cache in all its states
for my $round (1 .. 3) {
    my @seen;
    for my $case ([ $token, 'o1', 200 ], [ $other, 'o1', 404 ], [ undef, 'o1', 401 ], [ $system, 'o1', 200 ], [ $token, 'o2', 404 ], [ $other, 'o2', 200 ]) {
        my ($bearer, $id, $status) = @$case;
        $r = $nginx->get("/stale/Observation/$id", bearer => $bearer, headers => [ 'If-None-Match' => '"2"', 'If-Modified-Since' => 'Mon, 01 Jan 2024 00:00:00 GMT', Range => 'bytes=0-1' ]);
        push @seen, $r->header('X-Cache') // '-';
        my $want = $bearer && $bearer eq $system ? qr/^(?:200|206|304)$/ : qr/^$status$/;
        like($r->status, $want, "cache, round $round: $id $status (@seen)") || diag($r->raw);
        unlike($r->body, qr/"Patient/, 'nothing of it') if $status != 200;
    }
    is($nginx->head('/stale/Observation/o1', bearer => $token)->status, 200, 'HEAD of it');
    is($nginx->head('/stale/Observation/o1', bearer => $other)->status, 404, 'HEAD by another');
    my @clients = map { my $c = $nginx->client; $c->send($c->compose('GET', '/stale/Observation/o1', bearer => $_ % 2 ? $token : $other)); $c } 1 .. 8;
    is(join(' ', map { $_->read(method => 'GET')->status } @clients), '404 200 404 200 404 200 404 200' =~ s/^404 //r . ' 404', 'many at once');
    select undef, undef, undef, 2.2 if $round < 3;
}
$up->clear;

# a refused answer does not keep the cache from updating itself, nor end the connection
select undef, undef, undef, 2.2;
my $kept = $nginx->client;
$r = $kept->get('/stale/Observation/o1', bearer => $other);
is($r->status . ' ' . $r->header('X-Cache'), '404 STALE', 'stale, of another');
select undef, undef, undef, 0.3;
ok(!$kept->is_closed, 'the connection stays');
$r = $kept->get('/stale/Observation/o1', bearer => $token);
is($r->status . ' ' . $r->header('X-Cache'), '200 HIT', 'the cache has updated itself');

# stored files are nobody's answer
is($nginx->get('/store/Observation/o1', bearer => $token)->status, 200, 'stored');
outcome_is($nginx->get('/store/Observation/o1', bearer => $other), 404, 'not-found', 'judged all the same');
$up->clear;

# two policies in a row: both judge
is($nginx->get('/chain/Observation/o1', bearer => $token)->status, 200, 'chained: own');
ok($nginx->get('/chain/Observation/o2', bearer => $token)->status =~ /^40[34]$/, 'chained: another\'s');
outcome_is($nginx->get('/chain/Patient/p2', bearer => $token), 403, 'forbidden', 'chained: refused at once');

# variables where nothing was judged
like(client(port => $nginx->port(2))->get('/', close => 1)->body, qr/^\[OFF\|/, 'variables of a server without smart');
$up->clear;
is($nginx->get('/open/Observation/o1')->status, 200, 'variables of a location without smart');
like($up->last->header('X-All'), qr/^OFF\|\|/, 'say so');

# the log: constants only. nginx's own lines hold the request line (README)
my $log = $nginx->log;
my @ours = grep { /smart/ && !/, request: / } split /\n/, $log;
ok(scalar(grep { /smart: denied/ } @ours), 'denials are logged');
unlike(join("\n", @ours), qr/\bp[12]\b|subject-|Bearer|eyJ|\bo[12]\b|code=|patient=/, 'without who, whom or what');

done_testing();
