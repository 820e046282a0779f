# Batches and transactions, through nginx: what the upstream receives, and how its answer comes back (RULES B5, L13, L15).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation { my ($id, $patient) = @_; return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" } } }
sub stored { return { json => $_[0], headers => [ ETag => 'W/"7"', 'Content-Type' => 'application/fhir+json' ] } }

sub answer { my ($status, $resource) = @_; return { response => { status => $status }, $resource ? (resource => $resource) : () } }

# Entry by entry; of `short` there is no answer.
my %answers = (
    'GET Observation/own'                => answer('200', observation('own', 'p1')),
    'GET Observation/foreign'            => answer('200', observation('foreign', 'p2')),
    'GET Observation?code=x&patient=p1'  => answer('200', { resourceType => 'Bundle', type => 'searchset', total => 2, entry => [ map { { resource => $_ } } observation('own', 'p1'), observation('foreign', 'p2') ] }),
    'PUT Observation/own'                => answer('200', observation('own', 'p1')),
    'GET Patient/1'                      => answer('200', { resourceType => 'Patient', id => '1' }),
);
sub answers { return grep { $_ } map { $answers{"$_->{request}{method} $_->{request}{url}"} } @{ $_[0]->{entry} } }

my $up = upstream(
    'GET /fhir/Observation/own'     => stored(observation('own', 'p1')),
    'GET /fhir/Observation/foreign' => stored(observation('foreign', 'p2')),
    'GET /fhir/Observation/raced'   => stored(observation('raced', 'p1')),
    'POST /fhir'                    => sub { my ($request) = @_; return { status => 412, json => { resourceType => 'OperationOutcome' } } if $request->body =~ /raced/; return { json => { resourceType => 'Bundle', type => "@{[ $request->json->{type} ]}-response", entry => [ answers($request->json) ] } } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy whole { batch refuse; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4    { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /small { smart hospital; smart_bundle_max 2; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /whole { smart hospital policy=whole; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $all = $issuer->token(scope => 'patient/Observation.cruds', patient => 'p1');
my $any = $issuer->token(scope => 'system/*.cruds');

sub entry { my ($method, $url, $resource) = @_; return { request => { method => $method, url => $url }, $resource ? (resource => $resource) : () } }
# Posts a Bundle.
sub post {
    my ($type, $entries, %more) = @_;
    my $at = delete $more{at} // '/r4';
    my $body = delete $more{body} // JSON::PP->new->canonical->encode({ resourceType => 'Bundle', type => $type, entry => $entries });
    $up->clear;
    return $nginx->client->request('POST', $at, bearer => delete $more{token} // $all, body => $body,
        headers => [ 'Content-Type' => 'application/fhir+json', %more ]);
}

sub sent { my ($post) = grep { $_->method eq 'POST' } $up->requests; return $post }
sub urls { return [ map { $_->{request}{url} } @{ sent()->json->{entry} } ] }

my $got = post('batch', [ entry('GET', 'Patient/p2'), entry('GET', 'Observation/own'), entry('GET', 'Observation/foreign'), entry('DELETE', 'Condition/1') ]);
is($got->status, 200, 'a batch is split');
is_deeply(urls(), [ 'Observation/own', 'Observation/foreign' ], 'what is refused is not sent');
is_deeply([ map { substr $_->{response}{status}, 0, 3 } @{ $got->json->{entry} } ], [qw(403 200 404 403)], 'and answered in its place');
unlike($got->body, qr/p2/, 'nothing of another patient');
is($got->json->{entry}[1]{resource}{id}, 'own', 'one\'s own is there');

$got = post('batch', [ entry('GET', 'Observation?code=x') ]);
is_deeply(urls(), ['Observation?code=x&patient=p1'], 'a search is narrowed');
is_deeply([ map { $_->{resource}{id} } @{ $got->json->{entry}[0]{resource}{entry} } ], ['own'], 'and what comes back is filtered');

$got = post('batch', [ (entry('GET', 'Patient/p2')) x 100, entry('GET', 'Observation/own'), (entry('GET', 'Patient/p2')) x 100 ]);
is_deeply([ map { substr $_->{response}{status}, 0, 3 } @{ $got->json->{entry} } ], [ ('403') x 100, '200', ('403') x 100 ], 'an answer that grows to many times what came');
is($got->json->{entry}[100]{resource}{id}, 'own', 'with what came in its midst');

is(post('batch', [ entry('GET', 'Patient/p2') ])->status, 403, 'nothing is left: 403');
ok(!sent(), 'and nothing is sent');

is(post('batch', [ entry('GET', 'Observation/own'), entry('GET', 'Patient/p2') ], at => '/whole')->status, 403, 'batch refuse: 403 for the whole');
ok(!sent(), 'nothing is sent');
is(post('batch', [ entry('GET', 'Observation/own') ], at => '/whole')->status, 200, 'without the one, it goes');

$got = post('transaction', [ entry('PUT', 'Observation/own', observation('own', 'p1')), entry('GET', 'Observation/own') ]);
is($got->status, 200, 'a transaction');
is(sent()->json->{entry}[0]{request}{ifMatch}, 'W/"7"', 'its write is pinned to what was judged');
is(post('transaction', [ entry('PUT', 'Observation/own', observation('own', 'p1')), entry('GET', 'Observation/foreign') ])->status, 404, 'what it reads must be one\'s own');
ok(!sent(), 'or nothing is sent');
is(post('transaction', [ entry('PUT', 'Observation/own', observation('own', 'p2')) ])->status, 403, 'nothing is given away');
ok(!sent(), 'and nothing is sent');
is(post('transaction', [ entry('DELETE', 'Observation/foreign') ])->status, 404, 'nothing of another is deleted');
ok(!sent(), 'and nothing is sent');

$got = post('batch', [ entry('GET', 'Observation/own'), entry('GET', 'Observation/short') ]);
is($got->status, 502, 'an answer of another length cannot be told apart');

my $raw = '{"type":"batch","resourceType":"Bundle","entry":[{"request":{"URL":"Patient/2","url":"Patient/1","method":"GET"}}]}';
is(post('batch', [], body => $raw, token => $any)->status, 200, 'system/*.cruds');
is(sent()->body, '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}}]}', 'is sent what was judged, and no other member');
is(sent()->header('Content-Length'), length(sent()->body), 'of that length');

# a 412 to a transaction: by our own preconditions alone it is a lost race (L13)
for my $case ([ 409, {}, 'ours alone' ], [ 412, { ifMatch => 'W/"7"' }, 'the client\'s too' ], [ 412, { ifNoneExist => 'identifier=x' }, 'one that creates' ]) {
    my ($status, $more, $name) = @$case;
    my $entry = $more->{ifNoneExist} ? entry('POST', 'Observation', { resourceType => 'Observation', subject => { reference => 'Patient/p1' } }) : entry('PUT', 'Observation/own', observation('own', 'p1'));
    $entry->{request}{$_} = $more->{$_} for keys %$more;
    is(post('transaction', [ entry('PUT', 'Observation/raced', observation('raced', 'p1')), $entry ])->status, $status, "412: $name");
}
is(post('batch', [ (entry('GET', 'Observation/own')) x 3 ], at => '/small')->status, 413, 'smart_bundle_max');
is(post('batch', [ (entry('GET', 'Observation/own')) x 2 ], at => '/small')->status, 200, 'up to it');
is(post('batch', [], body => '{"resourceType":"Bundle"', token => $any)->status, 400, 'broken JSON');
is(post('batch', [ entry('GET', 'Observation/own') ], token => $any, 'Content-Type' => 'text/plain')->status, 415, 'another media type beside it');
done_testing();
