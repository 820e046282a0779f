# Scopes with constraints: narrowed, held, and judged by the resource itself (RULES A17-A24, C20, E1-E3, E9, L5, L6).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $system = 'http://terminology.hl7.org/CodeSystem/observation-category';

sub observation {
    my ($id, $patient, $category) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" },
        category => [ { coding => [ { system => $system, code => $category } ] } ] };
}

sub bundle {
    my (@resources) = @_;
    return { json => { resourceType => 'Bundle', type => 'searchset', total => scalar @resources,
            entry => [ map { { resource => $_, search => { mode => 'match' } } } @resources ] } };
}

my %search = (
    good    => bundle(observation('a', 'p1', 'laboratory'), observation('b', 'p1', 'vital-signs')),
    surplus => bundle(observation('a', 'p1', 'laboratory'), observation('c', 'p1', 'survey')),
    foreign => bundle(observation('a', 'p2', 'laboratory')),
);
my $up = upstream(
    'GET /fhir/Observation/lab'     => { json => observation('lab', 'p1', 'laboratory') },
    'GET /fhir/Observation/survey'  => { json => observation('survey', 'p1', 'survey') },
    'GET /fhir/Observation/foreign' => { json => observation('foreign', 'p2', 'laboratory') },
    'GET /fhir/Observation/none'    => { status => 404, json => { resourceType => 'OperationOutcome', issue => [] } },
    'GET /fhir/Device/own'          => { json => { resourceType => 'Device', id => 'own', patient => { reference => 'Patient/p1' } } },
    'GET /fhir/Device/nobody'       => { json => { resourceType => 'Device', id => 'nobody' } },
    'GET /fhir/Device/foreign'      => { json => { resourceType => 'Device', id => 'foreign', patient => { reference => 'Patient/p2' } } },
    qr{^(?:GET|POST) /fhir/Observation} => sub {
        my ($request) = @_;
        my ($code) = (($request->query // '') . '&' . $request->body) =~ /\bcode=([a-z]+)/;
        return $search{ $code // 'good' };
    },
    qr{^GET /fhir/Device} => bundle({ resourceType => 'Device', id => 'own', patient => { reference => 'Patient/p1' } }),
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $lab  = "Observation.rs?category=$system|laboratory";
my $vs   = "Observation.rs?category=$system|vital-signs";
my $both = $issuer->token(scope => "patient/$lab patient/$vs", patient => 'p1');
my $user = $issuer->token(scope => "user/$lab", fhirUser => "$base/Practitioner/1");
my $enc  = 'http%3A%2F%2Fterminology.hl7.org%2FCodeSystem%2Fobservation-category%7C';

sub get { my ($path, $token) = @_; $up->clear; return $nginx->get("/r4/$path", bearer => $token) }

# --- reads
is(get('Observation/lab', $both)->status, 200, 'a resource of the category');
for my $id (qw(survey foreign none)) {
    outcome_is(get("Observation/$id", $both), 404, 'not-found', "$id is as if it did not exist");
}
is(get('Observation/foreign', $user)->status, 200, 'user/ sees any patient, of the category');
outcome_is(get('Observation/survey', $user), 404, 'not-found', 'and no other category');

# --- searches
my $r = get('Observation?code=good', $both);
is($r->status, 200, 'two categories, joined');
is(scalar @{ $r->json->{entry} }, 2, 'all of them');
is($up->last->query, "code=good&patient=p1&category=${enc}laboratory%2C${enc}vital-signs", 'narrowed in one parameter (C20)');
get("Observation?code=good&patient=p1&category=${enc}laboratory%2C${enc}vital-signs", $both);
is($up->last->query, "code=good&patient=p1&category=${enc}laboratory%2C${enc}vital-signs", 'nothing is said twice (L5)');
is(join(',', map { $_->{resource}{id} } @{ get('Observation?code=surplus', $both)->json->{entry} }), 'a', 'an upstream that ignores the category');
is(scalar @{ get('Observation?code=foreign', $both)->json->{entry} }, 0, 'or the patient');
is(get('Observation?code=foreign', $user)->status, 200, 'user/: of any patient');
is($up->last->query, "code=foreign&category=${enc}laboratory", 'and narrowed by the category alone');
$up->clear;
$r = $nginx->post('/r4/Observation/_search', bearer => $both, headers => [ 'Content-Type' => 'application/x-www-form-urlencoded' ], body => 'code=good');
is($r->status, 200, 'by POST');
is($up->last->body, "code=good&patient=p1&category=${enc}laboratory%2C${enc}vital-signs", 'in the form');

# --- what cannot be ORed in one query is cut out of the answer; what cannot be evaluated grants nothing
my $mixed = $issuer->token(scope => 'patient/Observation.rs?category=a patient/Observation.rs?code=b', patient => 'p1');
is(scalar @{ get('Observation?code=good', $mixed)->json->{entry} }, 0, 'different parameters: each entry by itself (L5)');
is($up->last->query, 'code=good&patient=p1', 'narrowed by what both say');
outcome_is(get('Observation?_summary=count', $mixed), 403, 'forbidden', 'but of a count nothing can be cut out (L6)');
upstream_got($up, 0, 'nothing was sent');
my $void = $issuer->token(scope => 'patient/Observation.rs?code:in=http://x', patient => 'p1');
outcome_is(get('Observation/lab', $void), 403, 'forbidden', 'a constraint that cannot be evaluated grants nothing (A24)');
upstream_got($up, 0, 'nothing was sent');

# --- types that are linked to patients (D8)
my $device = $issuer->token(scope => 'patient/Device.rs', patient => 'p1');
is(get("Device/$_", $device)->status, 200, "Device/$_") for qw(own nobody);
outcome_is(get('Device/foreign', $device), 404, 'not-found', "another patient's Device");
is(get('Device?type=x', $device)->status, 200, 'Devices are searched');
is($up->last->query, 'type=x&patient=p1', 'by their link');

done_testing();
