# Operations: what is asked, and what of the answer is released (RULES B6, L16, L23).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub resource { my ($type, $id, %more) = @_; return { resourceType => $type, id => $id, %more } }
sub of       { my ($patient) = @_; return (subject => { reference => "Patient/$patient" }) }
sub bundle   { return { json => { resourceType => 'Bundle', type => 'searchset', entry => [ map { { resource => $_ } } @_ ] } } }

my $up = upstream(
    qr{^GET /fhir/Patient/p1/\$everything$} => sub {
        return bundle(resource('Patient', 'p1'), resource('Observation', 'o1', of($_[0]->query =~ /_since=foreign/ ? 'p2' : 'p1')));
    },
    qr{^GET /fhir/Observation/\$lastn$} => bundle(resource('Observation', 'o1', of('p1'))),
    qr{^GET /fhir/ValueSet/\$expand$} => sub {
        my ($url) = $_[0]->query =~ /url=(\w+)/;
        return { json => $url eq 'set' ? resource('ValueSet', 'v') : $url eq 'parameters' ? resource('Parameters', 'p', parameter => [ { name => 'result', valueBoolean => \1 } ])
            : $url eq 'hidden' ? resource('Parameters', 'p', parameter => [ { name => 'x', resource => resource('Patient', 'p9') } ])
            : $url eq 'outcome' ? { resourceType => 'OperationOutcome', issue => [] } : resource('Patient', 'p9') };
    },
    qr{^POST /fhir/DocumentReference/\$docref$} => bundle(resource('DocumentReference', 'd1', of('p1')), resource('DocumentReference', 'd2', of('p2'))),
    qr{^POST /fhir/Observation/o1/\$meta-add$} => { json => resource('Parameters', 'm', parameter => [ { name => 'return', valueMeta => {} } ]) },
    qr{^GET /fhir/Observation/(o\d)$} => sub { return { json => resource('Observation', $1, of($1 eq 'o1' ? 'p1' : 'p2')) } },
    qr{^GET /fhir/ValueSet/\$score$} => { json => resource('ValueSet', 'v') },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy score { operation \$score ValueSet type get T.r; operation \$expand deny; ceiling patient/*.rs; public Questionnaire; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4    { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /score { smart hospital policy=score; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $patient = $issuer->token(scope => 'patient/Patient.r patient/Observation.rs patient/ValueSet.r', patient => 'p1');

sub get  { my ($path, $token) = @_; $up->clear; return $nginx->get($path, bearer => $token) }
sub sent { return $up->last ? $up->last->query : 'nothing' }

is(get('/r4/Patient/p1/$everything?_since=2020', $patient)->status, 200, '$everything of the own patient');
is(sent(), '_since=2020&_type=Observation%2CPatient%2CValueSet', 'of what is granted (L16)');
unlike(get('/r4/Patient/p1/$everything?_since=foreign', $patient)->raw, qr/p2|p9/, 'each entry is judged');
for my $path ('Patient/p2/$everything', 'Patient/$everything', 'Observation/$stats', 'Patient/p1/$nobody-knows', '$export') {
    my $r = get("/r4/$path", $patient);
    is($r->status, 403, "$path is refused");
    unlike($r->raw, qr/p2/, 'and says nothing');
}
upstream_got($up, 0, 'nothing was sent');

is(get('/r4/Observation/$lastn?max=1', $patient)->status, 200, '$lastn');
is(sent(), 'max=1&patient=p1', 'is a search, narrowed');

is(get("/r4/ValueSet/\$expand?url=$_", $patient)->status, 200, "\$expand: $_") for qw(set parameters outcome);
unlike(get('/r4/ValueSet/$expand?url=hidden', $patient)->raw, qr/p9/, '$expand: a resource inside of Parameters (B6)');
for my $url (qw(patient)) {
    my $r = get("/r4/ValueSet/\$expand?url=$url", $patient);
    outcome_is($r, 502, 'processing', "\$expand: $url");
    unlike($r->raw, qr/p9/, 'nothing of it passes');
}

is(get('/score/ValueSet/$score', $patient)->status, 200, "an operator's operation");
outcome_is(get('/r4/ValueSet/$score', $patient), 403, 'not-supported', 'elsewhere unknown');
outcome_is(get('/score/ValueSet/$expand?url=set', $patient), 403, 'not-supported', 'one that the operator denies');
outcome_is(get('/score/ValueSet/$score', $issuer->token(scope => 'system/*.rs')), 403, 'forbidden', 'above the ceiling');
isnt(get('/score/Questionnaire', undef)->status, 401, 'a public path');
is(sent(), undef, 'is sent as it came');
is(get('/score/Questionnaire/1', undef)->status, 401, 'and nothing below it');

# An unknown operation: the answer, the log and smartctl name the entry that would allow it (B6), one that the operator denies is not named.
my $r = get('/r4/Observation/o1/$nonsense', $patient);
outcome_is($r, 403, 'not-supported', 'unknown operation');
is($r->json->{issue}[0]{diagnostics}, 'Missing policy entry: operation nonsense instance Observation <Type>.<letters>', 'the answer names the entry');
ok($nginx->wait_log(qr/\[info\] .*missing policy entry "operation nonsense instance Observation <Type>\.<letters>"/), 'so does the log');
is(get('/score/ValueSet/$expand?url=set', $patient)->json->{issue}[0]{diagnostics}, undef, 'control: denied by the policy, nothing is named');
$r = get('/r4/$' . 'a' x 65, $patient);
is($r->json->{issue}[0]{diagnostics} // '', '', 'no long name is said back');
my ($rc, $said) = smartctl('explain', '--scope', 'system/*.cruds', 'GET', '/$nonsense');
like($said, qr/no policy entry: operation nonsense system <Type>\.<letters>/, 'smartctl explain names it');
# Parameters in a body are judged as the query is, and go as they came (B6).
my $documents = $issuer->token(scope => 'patient/DocumentReference.rs patient/Observation.u', patient => 'p1');

sub docref {
    my ($id, %how) = @_;
    my $body = qq({ "resourceType" : "Parameters",\n "parameter" : [ {"name":"patient","valueId":"$id"}, {"name":"type","valueCodeableConcept":{"text":"x"}} ] });

    my @headers = ('Content-Type' => $how{type} // 'application/fhir+json', @{ $how{headers} // [] });
    $up->clear;
    return ($nginx->post('/r4/DocumentReference/$docref' . ($how{query} // ''), bearer => $documents, headers => \@headers,
        $how{chunked} ? (chunked => [ unpack '(a7)*', $body ]) : (body => $how{body} // $body)), $body);
}

for my $how ([], [ chunked => 1 ]) {
    ($r, my $body) = docref('p1', @$how);
    is($r->status, 200, '$docref by POST');
    is(join(' ', map { $_->{resource}{id} } @{ $r->json->{entry} }), 'd1', 'its entries are judged');
    is($up->last->body, $body, 'the body went as it came');
    is(sent(), undef, 'and no query was made for it');
    ($r) = docref('p2', @$how);
    outcome_is($r, 403, 'forbidden', 'of another patient');
    upstream_got($up, 0, 'nothing is sent');
}
($r) = docref('p1', query => '?patient=p2');
outcome_is($r, 403, 'forbidden', 'another patient in the URL');
($r) = docref('p1', headers => [ 'Content-Encoding' => 'gzip' ]);
is($r->status, 415, 'what is encoded cannot be judged');
($r) = docref('p1', type => 'application/fhir+xml');
is($r->status, 415, 'nor can XML');
($r) = docref('p1', body => '{"resourceType":"Parameters","id":"' . 'x' x 1_100_000 . '"}');
is($r->status, 413, 'nor what is larger than smart_body_buffer');
upstream_got($up, 0, 'nothing of it was sent');

# What changes an instance looks at it first.
sub meta_add { $up->clear; return $nginx->post("/r4/Observation/$_[0]/\$meta-add", bearer => $documents, headers => [ 'Content-Type' => 'application/fhir+json' ], body => '{"resourceType":"Parameters"}') }
is(meta_add('o1')->status, 200, '$meta-add of an own instance');
is(join(' ', map { $_->method } $up->requests), 'GET POST', 'it was read first');
outcome_is(meta_add('o2'), 404, 'not-found', "another patient's");
is(join(' ', map { $_->method } $up->requests), 'GET', 'is read, and that is all');
done_testing();
