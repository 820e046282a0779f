# Parameters of every class and interactions beyond one type: what the upstream is asked, what is released (RULES B2, C1-C15, D7, D9, L7-L9, L13, L17, L20).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub resource { my ($type, $id, %more) = @_; return { resourceType => $type, id => $id, %more } }
sub of       { my ($patient) = @_; return (subject => { reference => "Patient/$patient" }) }
sub match    { return { resource => $_[0], search => { mode => 'match' } } }
sub included { return { resource => $_[0], search => { mode => 'include' } } }
sub bundle   { my (@entries) = @_; return { json => { resourceType => 'Bundle', type => 'searchset', entry => \@entries } } }

my $own = match(resource('Observation', 'o1', of('p1')));
my %search = (
    own        => bundle($own),
    patient    => bundle($own, included(resource('Patient', 'p1'))),
    stranger   => bundle($own, included(resource('Patient', 'p2'))),
    condition  => bundle($own, included(resource('Condition', 'c1', of('p1')))),
    provenance => bundle($own, included(resource('Provenance', 'v1', target => [ { reference => 'Observation/o1' } ]))),
    other      => bundle($own, included(resource('Provenance', 'v2', target => [ { reference => 'Observation/o9' } ]))),
);
my $up = upstream(
    qr{^(?:GET|POST) /fhir/(?:Patient/p1/)?Observation(?:/_search)?$} => sub {
        my ($code) = (($_[0]->query // '') . '&' . $_[0]->body) =~ /\bcode=([a-z]+)/;
        return $search{ $code // 'own' };
    },
    qr{^GET /fhir/Patient/p1/\*$} => bundle($own, match(resource('Condition', 'c1', of('p1'))), match(resource('Observation', 'o2', of('p2'))), match(resource('Patient', 'p2')), match(resource('Patient', 'p1'))),
    qr{^GET /fhir/?$} => sub {
        my ($request) = @_;
        return $request->query =~ /_getpages=mixed/ ? bundle($own, match(resource('Condition', 'c1', of('p2'))))
            : $request->query =~ /_getpages/ ? bundle($own)
            : bundle(match(resource('Organization', 'g1')), $request->query =~ /_id=surplus/ ? match(resource('Patient', 'p9')) : ());
    },
    'GET /fhir/Observation/o1'            => { json => resource('Observation', 'o1', of('p1')) },
    'GET /fhir/Observation/o1/_history/2' => { json => resource('Observation', 'o1', of('p1')) },
    'GET /fhir/Observation/o1/_history/1' => { json => resource('Observation', 'o1', of('p2')) },
    'GET /fhir/Observation/o1/_history'   => { json => { resourceType => 'Bundle', type => 'history', entry => [ map { { resource => $_ } } resource('Observation', 'o1', of('p1')), resource('Observation', 'o1', of('p2')) ] } },
    'GET /fhir/Observation/o2/_history'   => { json => { resourceType => 'Bundle', type => 'history', entry => [ map { { resource => $_ } } resource('Observation', 'o2', of('p1')), resource('Observation', 'o2', of('p1')) ] } },
    'GET /fhir/Organization/_history'     => { json => { resourceType => 'Bundle', type => 'history' } },
    qr{^(?:PUT|DELETE|POST) /fhir/Organization$} => { status => 200, json => resource('Organization', 'g1') },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy own { history own; include refuse; page_parameter cursor; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4  { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /own { smart hospital policy=own; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $patient = $issuer->token(scope => 'patient/Observation.rs patient/Patient.rs patient/Provenance.rs', patient => 'p1');
my $narrow  = $issuer->token(scope => 'patient/Observation.rs', patient => 'p1');
my $system  = $issuer->token(scope => 'system/Organization.cruds');

sub get  { my ($path, $token, %more) = @_; $up->clear; return $nginx->get(($path =~ m{^/} ? $path : "/r4/$path"), bearer => $token, %more) }
sub sent { return $up->last ? $up->last->query : 'nothing' }

# --- includes: granted ones are judged, ungranted ones are not asked
my %includes = (patient => 'Patient', stranger => '', condition => '');
for my $code (sort keys %includes) {
    my $r = get("Observation?code=$code&_include=Observation:subject", $patient);
    is($r->status, 200, "_include: $code");
    is(join(',', map { $_->{resource}{resourceType} } grep { ($_->{search}{mode} // '') eq 'include' } @{ $r->json->{entry} }), $includes{$code}, 'each on its own merit (L8)');
    is(sent(), "code=$code&_include=Observation:subject&patient=p1", 'asked and narrowed');
    unlike($r->raw, qr/p2|c1/, 'and nothing else passes');
}
is(get('Observation?code=own&_include=Observation:subject:Patient', $narrow)->status, 200, 'an ungranted include');
is(sent(), 'code=own&patient=p1', 'is taken out');
outcome_is(get('/r4/Observation?_include=Observation:subject:Patient', $narrow, headers => [ Prefer => 'handling=strict' ]), 403, 'forbidden', 'or told, when the client asks so');
outcome_is(get('/own/Observation?_include=Observation:subject:Patient', $narrow), 403, 'forbidden', 'or by policy');
upstream_got($up, 0, 'nothing was sent');
unlike(get('Observation?code=patient', $patient)->raw, qr/"include"/, 'an include that nobody asked for');

# --- Provenance is judged by its targets (D6, L9)
is(get('Observation?code=provenance&_revinclude=Provenance:target', $patient)->status, 200, 'of what is released here');
unlike(get('Observation?code=other&_revinclude=Provenance:target', $patient)->raw, qr/Provenance/, 'of something else');
is(get('Observation?code=own&_revinclude=Provenance:target', $narrow)->status, 200, 'not granted: the search goes on');
is(sent(), 'code=own&patient=p1', 'without it');

# --- chains, _has, unknown parameters
is(get('Observation?code=own&patient.name=x', $patient)->status, 200, 'a chain to the own patient');
for my $query ('performer:Patient.name=x', 'encounter.status=x', 'device.patient.name=x', '_filter=x', '_contained=true', '_query=x', 'foo.bar=x') {
    outcome_is(get("Observation?$query", $patient), 403, ($query =~ /query/ ? 'not-supported' : 'forbidden'), $query);
}
outcome_is(get('Patient?_has:Observation:performer:code=x', $patient), 403, 'forbidden', 'an oracle');
outcome_is(get('Observation?_foo=x', $patient), 400, 'not-supported', 'an unknown parameter with an underscore');
upstream_got($up, 0, 'nothing of these was sent');
is(get('Observation?foo=x', $patient)->status, 200, 'an unknown filter');
is(sent(), 'foo=x&patient=p1', 'is never dropped');

# --- _elements and _summary (L7)
is(get('Observation?code=own&_elements=status', $patient)->status, 200, '_elements');
is(sent(), 'code=own&_elements=status%2Csubject%2Cid&patient=p1', 'with what is checked');
is(get('Observation?code=own&_summary=true', $patient)->status, 200, '_summary');
is(sent(), 'code=own&patient=p1', 'goes');

# --- compartments, the whole system, pages
is(get('Patient/p1/Observation?code=own', $patient)->status, 200, 'the own compartment');
is(sent(), 'code=own&patient=p1', 'narrowed');
outcome_is(get('Patient/p2/Observation', $patient), 403, 'forbidden', "another's");
is(join(',', map { $_->{resource}{id} } @{ get('Patient/p1/*', $patient)->json->{entry} }), 'o1,p1', 'all of the own compartment that is granted (D7)');
is(sent(), '_type=Observation%2CPatient%2CProvenance', 'of the types that are');
outcome_is(get('Patient/p2/*', $patient), 403, 'forbidden', "nothing of another's");
is(get('?_lastUpdated=gt2020', $system)->status, 200, 'system search');
is(sent(), '_lastUpdated=gt2020&_type=Organization', 'of what is granted (C11)');
unlike(get('?_id=surplus', $system)->raw, qr/p2|Patient|Observation/, 'an upstream that ignores _type');
outcome_is(get('?_lastUpdated=gt2020', $patient), 403, 'forbidden', 'not for patients (L17)');
is(get('?_getpages=x', $patient)->status, 200, 'a page');
is(sent(), '_getpages=x', 'unchanged');
unlike(get('?_getpages=mixed', $patient)->raw, qr/p2/, 'a page that holds more (L20)');
is(get('/own/Observation?cursor=x&code=own', $patient)->status, 200, 'a page parameter of this server');

# --- versions (D11)
is(get('Observation/o1/_history/2', $patient)->status, 200, 'history both: the current one is read first');
is(get('/own/Observation/o1/_history/2', $patient)->status, 200, 'history own: one of the patient');
outcome_is(get('/own/Observation/o1/_history/1', $patient), 404, 'not-found', 'one of another');
is(get('/own/Observation/o2/_history', $patient)->status, 200, 'all of the patient');
unlike(get('/own/Observation/o1/_history', $patient)->raw, qr/p2/, 'one of another among them');
is(get('Organization/_history', $system)->status, 200, 'type history');

# --- conditional forms (L13)
my @json = ('Content-Type' => 'application/fhir+json');
my $body = '{"resourceType":"Organization"}';
$up->clear;
is($nginx->request('PUT', '/r4/Organization?name=x', bearer => $system, headers => \@json, body => $body)->status, 200, 'conditional update');
is(sent(), 'name=x', 'as it came');
is($nginx->request('DELETE', '/r4/Organization?name=x', bearer => $system)->status, 200, 'conditional delete');
is($nginx->post('/r4/Organization', bearer => $system, headers => [ @json, 'If-None-Exist' => 'name=x' ], body => $body)->status, 200, 'conditional create');
is($up->last->header('If-None-Exist'), 'name=x', 'with its criteria');
$up->clear;
outcome_is($nginx->request('DELETE', '/r4/Organization?name=x&_cascade=delete', bearer => $system), 403, 'not-supported', 'more than it selects');
outcome_is($nginx->request('DELETE', '/r4/Organization?endpoint.name=x', bearer => $system), 403, 'forbidden', 'a chain to what is not searchable');
outcome_is($nginx->post('/r4/Organization', bearer => $system, headers => [ @json, 'If-None-Exist' => 'endpoint.name=x' ], body => $body), 403, 'forbidden', 'in the header, too');
upstream_got($up, 0, 'nothing was sent');

done_testing();
