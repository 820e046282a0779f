# The worked examples of t/examples end to end: what the client gets, and what the FHIR server received. What their `expect` says beside the main request
# (another scope, another patient, another body) is played, too.

use strict;
use warnings;
use lib 't/lib';
use File::Temp;
use JSON::PP;
use Smart::Test;

my $base    = 'https://fhir.example.org/r4';
my $json    = JSON::PP->new->utf8->canonical;
my @files   = sort glob 't/examples/*.json';
my %example = map { /(\d\d)-[^\/]*$/ => $json->decode(slurp($_)) } @files;
is(scalar keys %example, 31, 'the examples');

sub copy { return $json->decode($json->encode($_[0])) }

# --- the FHIR server: what a script in a file says, "METHOD target" => answer; the first that fits

my $script = File::Temp->new(TEMPLATE => 'smart-example-XXXXXX', TMPDIR => 1);

sub decoded { return $_[0] =~ s/%([0-9A-F]{2})/chr hex $1/ger }

sub transaction {
    my ($bundle) = @_;
    my %status = (POST => '201 Created', PUT => '200 OK', GET => '200 OK', HEAD => '200 OK', DELETE => '204 No Content');
    my @entry;

    for my $entry (@{ $bundle->{entry} }) {
        my ($method, $url) = @{ $entry->{request} }{qw(method url)};
        my $resource = $method ne 'GET' ? undef : $url =~ /\?|\$/ ? { resourceType => 'Bundle', type => 'searchset' } : { resourceType => $url =~ m{^(\w+)}, id => $url =~ m{/([^/?]+)} };
        push @entry, { response => { status => $status{$method} }, $resource ? (resource => $resource) : () };
    }
    return { resourceType => 'Bundle', type => "$bundle->{type}-response", entry => \@entry };
}

my $up = upstream(
    qr{^} => sub {
        my ($request) = @_;
        my $said   = $json->decode(slurp($script->filename));
        my $target = decoded($request->target =~ s{^/fhir}{}r);
        my ($path) = split /\?/, $target;

        return { json => transaction($json->decode($request->body)) } if $request->method eq 'POST' && $path =~ m{^/?$};
        for my $row (@$said) {
            my ($method, $where, $answer) = @$row;
            next if $method ne $request->method || $where ne $target && $where ne $path;
            return { status => $answer->{status} || 200, body => defined $answer->{body} ? $json->encode($answer->{body}) : '',
                headers => [ 'Content-Type' => 'application/fhir+json', $answer->{etag} ? (ETag => $answer->{etag}) : (), %{ $answer->{headers} || {} } ] };
        }
        return { status => 404, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'not-found' } ] } };
    },
);

my $issuer = issuer(audience => $base);
my $nginx  = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy strict { membership strict; }
    smart_policy refuse { batch refuse; }
    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_set_header Host fhir.example.org;
        add_header X-Reason \$smart_reason always;
        location /r4     { smart hospital; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /strict { smart hospital policy=strict; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /refuse { smart hospital policy=refuse; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

# The observation of examples 14, 15 and 9.
my $stored = copy($example{14}{upstreamResponse}{preflight}{body});

# --- one request

# %change: of the token's claims (scope), the request (path, query, headers, body), or where (at). What reads find comes before the answer.
sub play {
    my ($example, %change) = @_;
    my %request = (%{ $example->{request} }, map { $_ => $change{$_} } grep { exists $change{$_} } qw(path query body method));
    my %headers = (%{ $request{headers} || {} }, %{ $change{headers} || {} });
    my $answer  = $change{answer} || $example->{upstreamResponse};
    my $body    = $request{body};
    my @script  = (@{ $change{stored} || [] }, $answer && $answer->{status} ? [ $request{method} eq 'HEAD' ? 'GET' : $request{method}, $request{path}, $answer ] : ());

    my $target = ($change{at} || '/r4') . $request{path} . (defined $request{query} && length $request{query} ? '?' . $request{query} =~ s/\|/%7C/gr : '');
    spew($script->filename, $json->encode(\@script));
    $up->clear;
    my %token = $example->{token} ? (%{ $example->{token} }, map { $_ => $change{$_} } grep { exists $change{$_} } qw(scope)) : ();
    return $nginx->client->request($request{method}, $target, %token ? (bearer => $issuer->token(%token)) : (), headers => [ map { $_ => $headers{$_} } sort keys %headers ],
        defined $body ? (body => ref $body ? $json->encode($body) : $body) : ());
}

sub asked { return map { $_->method . ' ' . decoded($_->target =~ s{^/fhir}{}r) } $up->requests }
sub entries { my ($r) = @_; return { map { $_->{resource} ? ("$_->{resource}{resourceType}/" . ($_->{resource}{id} // "") => 1) : () } @{ ($r->json || {})->{entry} || [] } } }

# What the expectation says of the main request.
sub as_expected {
    my ($n, $r) = @_;
    my $e    = $example{$n};
    my $want = $e->{expect};
    my $deny = $want->{decision} =~ /^deny/;
    my $sent = $up->last;
    my $query = $sent ? decoded($sent->query // '') : '';
    my $shown = entries($r);

    is($r->status, $want->{status} // ($deny ? 403 : 200), "$e->{name}: status") || diag($r->header('X-Reason'));
    ok($deny ? $r->status >= 400 : $r->status < 300, "$e->{name}: $want->{decision}");
    is($r->json->{issue}[0]{code}, $want->{issueCode}, "$e->{name}: the issue") if $want->{issueCode};
    is($r->header($_), $want->{headers}{$_}, "$e->{name}: $_") for grep { $_ ne 'WWW-Authenticate' } sort keys %{ $want->{headers} || {} };
    is($r->header('WWW-Authenticate'), $want->{headers}{'WWW-Authenticate'} =~ s/ realm="fhir",?//r, "$e->{name}: challenge, without a realm") if $want->{headers};
    ok(index($query, $want->{upstreamQueryAdd}) >= 0, "$e->{name}: appended") || diag($query) if $want->{upstreamQueryAdd};
    for my $name (sort keys %{ $want->{upstreamQueryReplace} || {} }) {
        my %got = map { $_ => 1 } map { split /,/ } $query =~ /\b\Q$name\E=([^&]*)/;
        ok($got{$_}, "$e->{name}: $name says $_") for split /,/, $want->{upstreamQueryReplace}{$name};
    }
    is($sent->header($_), $want->{upstreamHeaders}{$_}, "$e->{name}: sent $_") for sort keys %{ $want->{upstreamHeaders} || {} };
    ok($shown->{$_}, "$e->{name}: $_ stays") for @{ $want->{keepEntries} || [] };
    ok(!$shown->{$_}, "$e->{name}: $_ goes") for @{ $want->{dropEntries} || [] };
    unlike($r->body, qr/pat-200|obs-lab-9/, "$e->{name}: nobody else is named") if $deny && ref $e->{upstreamResponse}{body};
    return;
}

# What is read before the main request is answered, and the answer where the example has none.
my $created  = { status => 201, body => undef, headers => { Location => "$base/Observation/new/_history/1" } };
my $bundle   = { status => 200, body => { resourceType => 'Bundle', type => 'searchset' } };
my @instance = ([ GET => '/Observation/obs-lab-1', { body => $stored, etag => 'W/"1"' } ]);
my %how = (
    '08' => { answer => $bundle }, '09' => { stored => \@instance }, 10 => { stored => \@instance }, 14 => { stored => \@instance }, 15 => { stored => \@instance },
    18 => { stored => \@instance }, 27 => { answer => $bundle }, 30 => { answer => $bundle }, 31 => { answer => $created },
    22 => { stored => [
        [ GET => '/DocumentReference', { body => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => { resourceType => 'DocumentReference', id => 'd1', subject => { reference => 'Patient/pat-100' }, content => [ { attachment => { url => 'Binary/bin-3' } } ] } } ] } } ],
        [ GET => '/Binary/bin-3', $example{22}{upstreamResponse}{preflight} ],
    ] },
);
as_expected($_, play($example{$_}, %{ $how{$_} || {} })) for sort keys %example;

# --- what they say besides

my $r = play($example{'06'}, scope => $example{'06'}{expect}{without}{scope});
is(join(' ', sort keys %{ entries($r) }), 'Observation/obs-lab-1', '06: without Patient and Provenance');
unlike(decoded($up->last->query), qr/_(?:rev)?include/, '06: the includes are taken out');
is(play($example{'06'}, scope => $example{'06'}{expect}{without}{scope}, headers => { Prefer => 'handling=strict' })->status, 403, '06: who wants to be told is told');

is(play($example{'08'}, path => '/Patient/pat-200/Condition', answer => $bundle)->status, 403, '08: another patient');

play($example{'09'}, stored => \@instance);
my ($transaction) = map { $json->decode($_->body) } grep { $_->method eq 'POST' } $up->requests;
is(decoded($transaction->{entry}[1]{request}{ifNoneExist}), 'identifier=urn:example:cond|77&patient=pat-100', '09: the criteria are narrowed');
is($transaction->{entry}[3]{request}{ifMatch}, 'W/"1"', '09: the delete is pinned');
like($transaction->{entry}[2]{request}{url}, qr/patient=pat-100/, '09: the search');

$r = play($example{10}, stored => \@instance);
is($r->json->{issue}[0]{expression}[0], 'Bundle.entry[4]', '10: which entry');
is(join(' ', asked()), 'GET /Observation/obs-lab-1', '10: nothing was sent but what had to be read');

$r = play($example{12});
is(join(' ', map { $_->{response}{status} =~ /^(\d+)/ } @{ $r->json->{entry} }), '200 200 200 403', '12: entry by entry');
is(scalar @{ $json->decode($up->last->body)->{entry} }, 3, '12: three were sent');
$r = play($example{12}, at => '/refuse');
is($r->status . ' ' . $r->json->{issue}[0]{expression}[0], '403 Bundle.entry[3]', '12: or none');

for my $patch (@{ $example{15}{expect}{alsoDeny} }) {
    cmp_ok(play($example{15}, body => $json->encode($patch), stored => \@instance)->status, '>=', 400, '15: another patch');
    is(join(' ', grep { /^PATCH/ } asked()), '', '15: which is not sent');
}
is(play($example{15}, body => '[{"op":"replace","path":"/status","value":"amended"}]', stored => \@instance, answer => { status => 200, body => $stored })->status, 200, '15: and one that may be');
is($up->last->header('If-Match'), 'W/"1"', '15: pinned');

{
    my $with = $example{16}{expect}{withScope};
    my $hit = sub { return { resource => { resourceType => 'Condition', id => $_[0], subject => { reference => 'Patient/pat-100' } } } };
    my $found = sub { return [ GET => '/Condition', { body => { resourceType => 'Bundle', type => 'searchset', entry => [ map { $hit->($_) } @_ ] } } ] };

    is(play($example{16}, scope => $with->{scope}, stored => [ $found->() ], answer => $created)->status, 201, '16: none is there');
    is((asked())[0], 'GET /Condition?identifier=urn:example:cond|77&patient=pat-100', '16: looked for');
    is((asked())[1], 'PUT /Condition?identifier=urn:example:cond|77&patient=pat-100', '16: and sent, narrowed');
    play($example{16}, scope => $with->{scope}, stored => [ $found->('c1'), [ GET => '/Condition/c1', { body => $hit->('c1')->{resource}, etag => 'W/"5"' } ] ]);
    is((asked())[-1], 'PUT /Condition/c1', '16: one is there');
    is($up->last->header('If-Match'), 'W/"5"', '16: as it was judged');
    is(play($example{16}, scope => $with->{scope}, stored => [ $found->('c1', 'c2') ])->status, 412, '16: several are there');
}

{
    my $with = $example{17}{expect}{withScope};
    is(play($example{17}, scope => $with->{scope}, answer => $created)->status, 201, '17: with s');
    is(decoded($up->last->header('If-None-Exist')), $with->{upstreamHeaders}{'If-None-Exist'}, '17: narrowed');
    is($up->last->header('Prefer'), 'return=minimal', '17: without r');
}

$r = play($example{18}, stored => \@instance);
is(join(' ', map { $_->{resource} ? $_->{resource}{meta}{versionId} : 'deleted' } @{ $r->json->{entry} }), 'deleted 2', '18: versions');
is(play($example{18}, path => '/Observation/_history')->status, 403, '18: of the type');

{
    my $export = $example{20};
    my $poll = $export->{upstreamResponse}{statusPoll};
    my $started = { status => 202, headers => { 'Content-Location' => "$base/\$status?job=88" } };
    my $wide = $export->{token}{scope} . ' system/Condition.rs';

    $r = play($export, query => '', answer => $started);
    is($r->status, 202, '20: without _type');
    is(decoded($up->last->query), $export->{expect}{withoutType}{upstreamQueryAdd}, '20: what is granted');

    $r = play($export, scope => $wide, answer => $started);
    is($r->status, 202, '20: with Condition, too');
    my ($job) = $r->header('Content-Location') =~ m{^\Q$base\E(/_smart/job/.*)};
    is(play($export, path => $job, query => '', scope => $wide, stored => [ [ GET => '/$status', $poll ] ])->status, 200, '20: its status');
    is(play($export, path => $job, query => '', stored => [ [ GET => '/$status', $poll ] ])->status, 404, '20: which the token of less does not open');
}

is(play($example{21}, path => '/Practitioner/prac-7', answer => { status => 200, body => { resourceType => 'Practitioner', id => 'prac-7' } })->status, 200, '21: a Practitioner');
is(play($example{21}, path => '/Device/dev-2', answer => { status => 200, body => $example{21}{expect}{also}[1]{body} })->status, 200, '21: a Device of nobody');
is(play($example{24}, path => $_, answer => { status => 200, body => { resourceType => 'CapabilityStatement' } })->status, 200, "24: $_ is public") for @{ $example{24}{expect}{public} };
is(play($example{28}, at => '/strict')->status, 404, '28: membership strict');

{
    my $body = copy($example{31}{request}{body});
    $body->{code}{coding}[0] = { system => 'https://otherapp.example.org', code => 'x' };
    is(play($example{31}, body => $body, answer => $created)->status, 403, '31: another code');
    $body = copy($example{31}{request}{body});
    delete $body->{subject};
    is(play($example{31}, body => $body, answer => $created)->status, 403, '31: nobody\'s');
}

done_testing();
