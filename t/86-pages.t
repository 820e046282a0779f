# smart_seal_links: links to other pages carry a seal (RULES C16, L20, L21): who may open them, what comes back, and what stays as it was.

use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

my $one   = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $bruno = $issuer->token(scope => 'patient/*.rs', patient => 'p2');
my $all   = $issuer->token(scope => 'system/*.rs');

sub observation { my ($id, $patient) = @_; return qq({"resource":{"resourceType":"Observation","id":"$id","subject":{"reference":"Patient/$patient"},"valueQuantity":{"value":1.50}},"search":{"mode":"match"}}) }

# $1 of the URL says what kind of answer it is.
my $up = upstream(
    qr{^(?:GET|POST) /fhir} => sub {
        my ($request) = @_;
        my $url    = 'http://' . $request->header('Host') . '/fhir';
        my $page   = ($request->query // '') =~ /_getpages/ ? 2 : 1;
        my $type   = $request->path =~ /_history/ ? 'history' : 'searchset';
        my $strange = ($request->query // '') =~ /strange/ ? ',"strange":{"a":[1]}' : '';

        # a Bundle that somebody stored, with a link to anywhere
        return { body => qq({"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"$url/\$reindex"}],"entry":[@{[ observation('o1', 'p1') ]}]}}]}),
            headers => [ 'Content-Type' => 'application/fhir+json' ] } if ($request->query // '') =~ /_cursor/;
        return { status => 404, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'not-found' } ] } } if ($request->query // '') =~ /gone/;
        return { body => qq({"resourceType":"Bundle","type":"$type","total":3, "link":[{"relation":"self","url":"$url/Observation?code=a&patient=p1"},{"url":"$url?_getpages=abc&_getpagesoffset=2","relation":"next"},)
            . qq({"relation":"previous","url":"$url/Observation?page=1"},{"relation":"first","url":"Observation?page=0"},{"relation":"last","url":"https://elsewhere.example.org/x"}]$strange,)
            . qq("entry":[@{[ observation("o$page", 'p1') ]}, @{[ observation("x$page", 'p2') ]}]}), headers => [ 'Content-Type' => 'application/fhir+json', ETag => 'W/"1"' ] };
    },
);

my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        smart_seal_links on;
        location /r4  { smart hospital; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /off { smart hospital; smart_base_url $base; smart_seal_links off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /dry { smart hospital; smart_base_url $base; smart_dry_run on; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC
my $own = 'http://127.0.0.1:' . $up->port . '/fhir';

sub links { my ($r) = @_; return map { $_->{relation} => $_->{url} } @{ $r->json->{link} } }
sub ids { my ($r) = @_; return join ' ', map { $_->{resource}{id} } @{ $r->json->{entry} } }
sub local_path { my ($url) = @_; $url =~ s{^\Q$base\E}{/r4}; return $url }

my $r    = $nginx->get('/r4/Observation?code=a', bearer => $one);
my %link = links($r);
is(ids($r), 'o1', 'the first page');
like($link{$_}, qr{^\Q$base\E/_smart/page/[\w-]{80,}$}, "$_ is sealed") for qw(next previous);
is($link{self}, "$base/Observation?code=a&patient=p1", 'self says what was applied');
is($link{first}, 'Observation?page=0', 'what is relative stays');
is($link{last}, 'https://elsewhere.example.org/x', 'what leads elsewhere stays');

my $next = local_path($link{next});
$up->clear;
$r = $nginx->get($next, bearer => $one, headers => [ 'If-None-Match' => 'W/"1"', 'Accept-Encoding' => 'gzip' ]);
is($r->status . ' ' . ids($r), '200 o2', 'the next page');
is($up->last->target, '/fhir/?_getpages=abc&_getpagesoffset=2', 'by its own link');
is($up->last->header('Accept-Encoding') // 'none', 'none', 'as it can be read');
ok(!exists $r->json->{total}, 'no total is told');
%link = links($r);
like($link{next}, qr{^\Q$base\E/_smart/page/}, 'and so on');

is($nginx->get($next, bearer => $one, headers => [ Accept => 'application/fhir+xml' ])->status, 406, 'not as XML');
is(ids($nginx->get($next, bearer => $bruno)), 'x2', 'the same client for another patient: what is his');
$up->clear;
is($nginx->get($next, bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1', client_id => 'other'))->status, 404, 'another client');
is($nginx->get($next, bearer => $issuer->token(scope => 'patient/*.cud', patient => 'p1'))->status, 404, 'without r and s');
is($nginx->delete($next, bearer => $one)->status, 405, 'DELETE');
upstream_got($up, 0, 'nothing of it was asked');
is($nginx->head($next, bearer => $one)->status, 200, 'HEAD');

for my $target ('/r4/Observation?code=a', '/r4/Observation?strange=1', '/r4/Observation/_history', '/r4?_getpages=q') {
    $r = $nginx->get($target, bearer => $all);
    my $got = $r->body;
    my $raw = $nginx->get($target =~ s/r4/dry/r, bearer => $all)->body;
    my $n = $got =~ s{\Q$base\E/_smart/page/[\w-]+}{PAGE}g;
    $raw =~ s{"url":"\Q$own\E(?=\?_getpages=|/Observation\?page)[^"]+}{"url":"PAGE}g;
    $raw =~ s{\Q$own\E}{$base}g;
    is($got, $raw, "all granted: nothing but links changes: $target");
    is($n, 2, 'and these do');
}
%link = links($nginx->get('/r4/Observation?code=a', bearer => $all));
is(ids($nginx->get(local_path($link{next}), bearer => $all)), 'o2 x2', 'the next page of all');
is(ids($nginx->get(local_path($link{next}), bearer => $one)), 'o2', 'of which one patient\'s token sees its own');
outcome_is($nginx->get('/r4/Observation?gone=1', bearer => $all), 404, 'not-found', 'an error passes');

$r = $nginx->get('/r4?_cursor=1', bearer => $one);
is($r->json->{entry}[0]{resource}{link}[0]{url}, "$base/\$reindex", 'a link of a Bundle inside is no page of ours');
%link = links($nginx->get('/r4/Observation?_elements=code', bearer => $all));
is($link{next}, "$own?_getpages=abc&_getpagesoffset=2", 'shaped by elements: as it was');
%link = links($nginx->get('/off/Observation?code=a', bearer => $one));
is($link{next}, "$base?_getpages=abc&_getpagesoffset=2", 'off');
%link = links($nginx->get('/dry/Observation?code=a', bearer => $one));
is($link{next}, "$own?_getpages=abc&_getpagesoffset=2", 'a dry run changes nothing');
%link = links($nginx->post('/r4/Observation/_search', bearer => $one, headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ], body => 'code=a'));
like($link{next}, qr{/_smart/page/}, 'of a search by POST, too');

done_testing();
