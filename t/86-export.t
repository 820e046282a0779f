# The way of an export (RULES B8, B9, L21): kick-off, status, manifest, files, cancel; who may open its links, and who may not.

use strict;
use warnings;
use lib 't/lib';
use File::Temp;
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $other  = issuer(audience => $base);

sub bulk { my ($scope, %more) = @_; return $issuer->token(scope => $scope, client_id => 'bulk-1', %more) }

my $two = bulk('system/Patient.rs system/Observation.rs');
my $all = bulk('system/*.rs');

my $manifest = sub { my ($url) = @_; return qq({"transactionTime":"2026-01-01T00:00:00Z", "request":"$url/Patient/\$export",
 "requiresAccessToken" : false, "output":[{"type":"Patient","url":"$url/Binary/7","count":2},{"url":"$url/Binary/8?part=1&x=%20","type":"Observation"}],
 "deleted":[{"type":"Bundle","url":"$url/Binary/gone"}], "error":[ {"type":"OperationOutcome","url":"$url/Binary/err"} ], "extension":{"a":1.50}}) };
my $done = 1;

my %file = (
    7 => qq({"resourceType":"Patient","id":"p1"}\n{"id":"o1","resourceType":"Observation","subject":{"reference":"Patient/p1"}}\r\n\n)
        . qq({"resourceType":"Condition","id":"c1"}\n{"resourceType":"Patient","id":"p2","multipleBirthInteger":1.50}),
    '8?part=1&x=%20' => qq({"resourceType":"Observation","id":"o2"}\n),
    gone => qq({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Condition/c9"}}, {"request":{"method":"DELETE","url":"Patient/p9"}},)
        . qq({"request":{"method":"DELETE","url":"Observation/o9"},"resource":{"resourceType":"Observation"}}]}\n)
        . qq({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Condition/c8"}}]}\n{"resourceType":"Patient","id":"p3"}\n),
    err    => qq({"resourceType":"OperationOutcome","issue":[]}\n{"resourceType":"Patient","id":"p1"}\n),
    broken => qq({"resourceType":"Patient","id":"p1"}\n{"resourceType":"Patient"\n),
);

# What it answers is as it was when the rules were set.
sub rules {
    return (
    qr{^GET /fhir/(?:Patient/|Group/g1/)?\$export(?:\?|$)} => sub {
        my ($request) = @_;
        my ($to) = ($request->query // '') =~ /\bwhere=([a-z]+)/;
        my $url = 'http://' . $request->header('Host') . '/fhir';
        my %to  = (path => '/fhir/$status?job=1', away => 'https://elsewhere.example.org/fhir/$status?job=1', beside => "${url}x/\$status", public => "$base/\$status?job=1",
            dots => "$url/a/../\$status", relative => '$status?job=1');

        return { json => { resourceType => 'Patient', id => 'p2' } } if ($to // '') eq 'now';
        return { status => 202, body => 'started' } if ($to // '') eq 'nowhere';
        return { status => 202, body => '{"resourceType":"Patient","id":"secret"}', headers => [ 'Content-Location' => $to ? $to{$to} : "$url/\$export-poll-status?_jobId=a%2Fb" ] };
    },
    qr{^GET /fhir/\$(?:export-poll-status|status)} => sub {
        my ($request) = @_;
        return { status => 202, body => 'secret', headers => [ 'X-Progress' => '10%', 'Retry-After' => '120' ] } if !$done;
        return { body => ref $manifest ? $manifest->('http://' . $request->header('Host') . '/fhir') : $manifest, headers => [ 'Content-Type' => 'application/json', Expires => 'Thu, 01 Jan 2099 00:00:00 GMT' ] };
    },
    qr{^GET /fhir/Binary/} => sub {
        my ($request) = @_;
        my ($id) = $request->target =~ m{Binary/(.*)};

        return { status => 404, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'not-found' } ] } } if !defined $file{$id};
        return { body => $file{$id}, headers => [ 'Content-Type' => 'application/fhir+ndjson', ETag => 'W/"1"' ] };
    },
    qr{^DELETE /fhir/\$export-poll-status} => sub { return { status => 202, body => 'secret' } },
    );
}

my $up   = upstream(rules());
my $port = $up->port;
sub url { return "http://127.0.0.1:$port/fhir" }
sub now { $up->set(rules()); return }

my $dir    = File::Temp->newdir('smart-export-XXXXXX', TMPDIR => 1);
my $secret = "$dir/seal.key";
spew($secret, join '', map { chr(33 + $_ % 90) } 1 .. 48);
spew("$secret.new", 'x' x 40);

my $conf = <<"EOC";
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_issuer second { uri %%SECOND%%; audience $base; }
    smart_policy ignoring { export_group_scope ignore; }
    server {
        listen 127.0.0.1:%%PORT%%;
        %%SECRET%%
        location /r4   { smart hospital second; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /too  { smart hospital second; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /bare { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /dry  { smart hospital; smart_dry_run on; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /r4/_smart/job/elsewhere { smart hospital; smart_base /r4; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir/; }
    }
EOC
my %vars = (UPSTREAM => $up->port, ISSUER => $issuer->uri, SECOND => $other->uri);
my $nginx = nginx(vars => { %vars, SECRET => '' }, conf => $conf);

sub path_of { my ($url, $at) = @_; $url =~ s{^\Q$base\E}{$at // '/r4'}e; return $url }

sub kickoff {
    my ($on, $token, $target) = @_;
    return path_of($on->get($target // '/r4/Patient/$export', bearer => $token, headers => [ Prefer => 'respond-async' ])->header('Content-Location') // 'none');
}

subtest 'a kick-off' => sub {
    $up->clear;
    my $r = $nginx->get('/r4/Patient/$export', bearer => $two, headers => [ Prefer => 'respond-async', Accept => 'application/fhir+json' ]);
    is($r->status, 202, 'accepted');
    like($r->header('Content-Location'), qr{^\Q$base\E/_smart/job/[\w-]{100,}$}, 'its status is behind a seal');
    is($r->body, '', 'nothing else is said');
    is($up->last->target, '/fhir/Patient/$export?_type=Observation%2CPatient', 'what is granted was asked for');
    is($up->last->header('Prefer'), 'respond-async', 'later');

    for my $at (qw(path public)) {
        $r = $nginx->get("/r4/Patient/\$export?where=$at", bearer => $two);
        like($r->header('Content-Location'), qr{^\Q$base\E/_smart/job/}, "status by its $at");
    }
    for my $at (qw(away beside dots relative nowhere now)) {
        $r = $nginx->get("/r4/Patient/\$export?where=$at", bearer => $two);
        outcome_is($r, 502, 'processing', "status $at");
        is($r->header('Content-Location'), undef, "nowhere to go: $at");
    }
    like($nginx->get('/bare/Patient/$export', bearer => $two)->header('Content-Location'), qr{^\Q$base\E/_smart/job/|^/bare/_smart/job/}, 'without smart_base_url');
    is($nginx->get('/dry/Patient/$export', bearer => $two)->header('Content-Location'), url() . '/$export-poll-status?_jobId=a%2Fb', 'a dry run changes nothing');
};

my $job = kickoff($nginx, $two);

subtest 'its status' => sub {
    $done = 0;
    now();
    $up->clear;
    my $r = $nginx->get($job, bearer => $two, headers => [ Accept => 'application/json', 'Accept-Encoding' => 'gzip' ]);
    is(join(' ', $r->status, $r->header('X-Progress'), $r->header('Retry-After')), '202 10% 120', 'not yet');
    is($r->body, '', 'without a word');
    is($up->last->target, '/fhir/$export-poll-status?_jobId=a%2Fb', 'the upstream is asked by its own link');
    is($up->last->header('Accept-Encoding'), undef, 'for what can be read');
    $done = 1;
    now();

    $r = $nginx->get($job, bearer => $two);
    is($r->status, 200, 'done');
    my $plain = $manifest->(url());
    my $shown = $r->body;
    $shown =~ s{$base/_smart/file/[\w-]+}{FILE}g;
    $plain =~ s{http://127.0.0.1:$port/fhir/Binary/[^"]+}{FILE}g;
    $plain =~ s{http://127.0.0.1:$port/fhir}{$base}g;
    $plain =~ s{false}{true};
    is($shown, $plain, 'the manifest, with our links in it, which need a token');
    is(length $r->body, $r->header('Content-Length') // length $r->body, 'of the right length');
    is($nginx->head($job, bearer => $two)->status, 200, 'HEAD');
};

my $files = $nginx->get($job, bearer => $two)->json;
my ($seven, $eight) = map { path_of($_->{url}) } @{ $files->{output} };
my $gone = path_of($files->{deleted}[0]{url});
my $err  = path_of($files->{error}[0]{url});

subtest 'its files' => sub {
    my @lines = $file{7} =~ /([^\n]*\n?)/g;

    $up->clear;
    my $r = $nginx->get($seven, bearer => $two, headers => [ Range => 'bytes=0-5', 'If-None-Match' => 'W/"1"', Accept => 'application/fhir+json' ]);
    is($r->status, 200, 'a file');
    is($r->body, "$lines[0]$lines[1]$lines[2]$lines[4]", 'without what is not granted');
    is($up->last->target, '/fhir/Binary/7', 'asked for by its own link');
    is(join(' ', map { $up->last->header($_) // 'none' } qw(Range If-None-Match Accept)), 'none none application/fhir+ndjson', 'whole and fresh, in lines');
    is($r->header('ETag'), undef, 'no ETag of what was taken out');

    is($nginx->get($eight, bearer => $two)->body, $file{'8?part=1&x=%20'}, 'another, with a query');
    is($up->last->target, '/fhir/Binary/8?part=1&x=%20', 'as it was spelt');

    is($nginx->get($gone, bearer => $two)->body, qq({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/p9"}}]}\n), 'of deletions those of granted types');
    is($nginx->get($err, bearer => $two)->body, qq({"resourceType":"OperationOutcome","issue":[]}\n), 'of errors nothing but outcomes');
    is($nginx->head($seven, bearer => $two)->status, 200, 'HEAD');

    my $whole = kickoff($nginx, $all);
    ($whole) = map { path_of($_->{url}) } @{ $nginx->get($whole, bearer => $all)->json->{output} };
    $up->clear;
    $r = $nginx->get($whole, bearer => $all, headers => [ Accept => 'application/fhir+ndjson', Range => 'bytes=0-5' ]);
    is($r->body, $file{7}, 'all of it, where all is granted');
    is($up->last->header('Range'), 'bytes=0-5', 'as the client wants it');
    outcome_is($nginx->get($whole, bearer => $two), 404, 'not-found', 'which a token of less does not open');
};

subtest 'who may open' => sub {
    my $wrong = $job;
    my $kind  = $job;
    substr($wrong, -3, 1) = substr($wrong, -3, 1) eq 'A' ? 'B' : 'A';
    $kind =~ s{/job/}{/file/};

    my @rows = (
        [ 'the same client, with another token' => 200, GET => $job, bulk('system/Patient.rs system/Observation.rs system/Group.r', jti => 'another') ],
        [ 'by v1 scopes'                => 200, GET => $job, bulk('system/*.read') ],
        [ 'with less scopes'            => 404, GET => $job, bulk('system/Patient.rs') ],
        [ 'with a constraint'           => 404, GET => $job, bulk('system/Patient.rs system/Observation.rs?code=a') ],
        [ 'with user/ scopes'           => 404, GET => $job, bulk('user/Patient.rs user/Observation.rs', fhirUser => 'Practitioner/1') ],
        [ 'another client'              => 404, GET => $job, $issuer->token(scope => 'system/*.rs', client_id => 'bulk-2') ],
        [ 'of another issuer'           => 404, GET => $job, $other->token(scope => 'system/*.rs', client_id => 'bulk-1') ],
        [ 'nobody'                      => 401, GET => $job, undef ],
        [ 'at another base'             => 404, GET => $job =~ s{^/r4}{/too}r, $two ],
        [ 'one letter is another'       => 404, GET => $wrong, $two ],
        [ 'a job as a file'             => 404, GET => $kind, $two ],
        [ 'a file as a job'             => 404, GET => $seven =~ s{/file/}{/job/}r, $two ],
        [ 'any letters'                 => 404, GET => '/r4/_smart/page/abc', $two ],
        [ 'with a query'                => 403, GET => "$job?_type=Condition", $two ],
        [ 'by POST'                     => 405, POST => $job, $two ],
        [ 'a file is not deleted'       => 405, DELETE => $seven, $two ],
        [ 'a file, by another client'   => 404, GET => $seven, $issuer->token(scope => 'system/*.rs', client_id => 'bulk-2') ],
    );
    for my $row (@rows) {
        my ($name, $status, $method, $target, $token) = @$row;
        $up->clear;
        is($nginx->client->request($method, $target, ($token ? (bearer => $token) : ()))->status, $status, $name);
        upstream_got($up, $status == 200 ? 1 : 0, "$name: asked upstream");
    }
    is($nginx->get('/r4/_smart/job/elsewhere' . '0', bearer => $two)->status, 404, 'in another location, nothing sealed');
};

subtest 'cancel' => sub {
    $up->clear;
    my $r = $nginx->delete($job, bearer => $two);
    is($r->status . $r->body, 202, 'a job is cancelled');
    is($up->last->method . ' ' . $up->last->target, 'DELETE /fhir/$export-poll-status?_jobId=a%2Fb', 'at the upstream');
    is($nginx->delete($job, bearer => $issuer->token(scope => 'system/*.rs', client_id => 'bulk-2'))->status, 404, 'not by another client');
    outcome_is($nginx->get(path_of('/r4/_smart/file/x'), bearer => $two), 404, 'not-found', 'no file');
    my $saved = delete $file{7};
    now();
    outcome_is($nginx->get($seven, bearer => $two), 404, 'not-found', 'a file that is gone');
    $file{7} = $saved;
    now();
};

subtest 'what the upstream says wrongly' => sub {
    my $own = $manifest;
    my $got = sub { ($manifest) = @_; now(); my $r = $nginx->get($job, bearer => $two); return $r->status . ' ' . $r->body };
    my $away = '{"url":"https://files.example.org/1"}';
    my $here = '{"url":"' . url() . '/Binary/7"}';

    is($got->(qq({"output":[$away],"requiresAccessToken":false})), qq(200 {"output":[$away],"requiresAccessToken":false}), 'elsewhere without a token');
    like($got->(qq({"output":[$away],"requiresAccessToken":true})), qr/^502 /, 'elsewhere with one');
    like($got->(qq({"output":[$away]})), qr/^502 /, 'nobody says');
    like($got->(qq({"output":[$away,$here],"requiresAccessToken":false})), qr/^502 /, 'here and there');
    like($got->(qq({"output":[$here]})), qr/^200 \{"output":\[\{"url":"\Q$base\E\/_smart\/file\/[\w-]+"\}\],"requiresAccessToken":true\}$/, 'here, nobody says');
    like($got->(qq({"output":[$here],"output":[$away],"requiresAccessToken":true})), qr/^502 /, 'a member twice');
    like($got->(qq({"output":[$here],"requiresAccessToken":true)), qr/^502 /, 'not ended');
    like($got->(qq([$here])), qr/^502 /, 'no object');
    like($got->(qq({"output":{"url":"x"}})), qr/^502 /, 'no list');
    like($got->(qq({"output":[],"requiresAccessToken":true})), qr/^200 \{"output":\[\],"requiresAccessToken":true\}$/, 'nothing was found');
    my $r = $got->(qq({"output":[],"link":[{"relation":"next","url":"@{[url()]}/\$status?job=1&page=2"}],"requiresAccessToken":true}));
    like($r, qr{^200 .*"url":"\Q$base\E/_smart/job/[\w-]+"}, 'it goes on');
    my ($next) = $r =~ m{\Q$base\E(/_smart/job/[\w-]+)};
    $up->clear;
    $manifest = $own;
    now();
    is($nginx->get("/r4$next", bearer => $two)->status, 200, 'there');
    is($up->last->target, '/fhir/$status?job=1&page=2', 'as it said');

    $file{7} = $file{broken};
    now();
    unlike($nginx->get($seven, bearer => $two)->body, qr/\{"resourceType":"Patient"\n/, 'a line that is none');
};

subtest 'keys' => sub {
    $nginx->mark;
    my $held = kickoff($nginx, $two);
    $nginx->reload;
    is($nginx->get($held, bearer => $two)->status, 200, 'a reload keeps the key of this start');
    like($nginx->log, qr/\[warn\].*sealed with a key of this start.*smart_secret_file/, 'of which is warned');

    my $again = nginx(vars => { %vars, SECRET => '' }, conf => $conf);
    outcome_is($again->get($held, bearer => $two), 404, 'not-found', 'another start has another');

    my @nodes = map { nginx(vars => { %vars, SECRET => "smart_secret_file $_;" }, conf => $conf) } $secret, "$secret.new $secret", "$secret.new";
    my $old = kickoff($nodes[0], $two);
    is(join(' ', map { $_->get($old, bearer => $two)->status } @nodes), '200 200 404', 'nodes that have the file open it, an older secret as well');
    my $new = kickoff($nodes[1], $two);
    is(join(' ', map { $_->get($new, bearer => $two)->status } @nodes), '404 200 200', 'the first of them seals');
    unlike($nodes[1]->log, qr/smart_secret_file/, 'nothing to be warned of');
};

unlike($nginx->log, qr/_jobId|Binary|_smart\/job/, 'nothing of it is logged');

done_testing();
