# Foreign, deleted and missing instances are answered alike (D9, L10, L13, L14): every R4 type that is judged by patient, every way to ask for one.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $secret = 'not-for-p1';
my @dated  = (ETag => 'W/"3"', 'Last-Modified' => 'Wed, 25 Nov 2026 00:00:00 GMT');

# Every element by which some type belongs to a patient.
sub resource {
    my ($type, $id, $patient) = @_;
    my $r = { reference => "Patient/$patient" };
    return {
        resourceType => $type, id => $id, meta => { versionId => '3' }, note => $secret, subject => $r, patient => $r, for => $r, beneficiary => $r,
        individual => $r, target => [$r], participant => [ { actor => $r } ], actor => [$r], candidate => $r, entity => [ { what => $r } ], member => [ { entity => $r } ],
    };
}
sub type_of { my ($request) = @_; return ($request->path =~ m{^/fhir/(\w+)/})[0] }
sub outcome { my ($code) = @_; return { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => $code, diagnostics => "$secret $code" } ] } }

my $up = upstream(
    qr{^GET /fhir/\w+/foreign(?:/_history/1)?$} => sub { return { headers => [@dated], json => resource(type_of($_[0]), 'foreign', 'p2') } },
    qr{^GET /fhir/\w+/foreign/_history$} => sub { return { json => { resourceType => 'Bundle', type => 'history', entry => [ { resource => resource(type_of($_[0]), 'foreign', 'p2') } ] } } },
    qr{^GET /fhir/\w+/gone(?:/_history/1)?$} => { status => 410, headers => [@dated], json => outcome('deleted') },
    qr{^GET /fhir/\w+/gone/_history$} => { json => { resourceType => 'Bundle', type => 'history', entry => [ { request => { method => 'DELETE', url => 'x' }, response => { status => '204' } } ] } },
    qr{^GET /fhir/\w+/own$} => sub { return { headers => [@dated], json => { resourceType => type_of($_[0]), id => 'own', subject => { reference => 'Patient/p1' } } } },
    qr{^(?:PUT|PATCH|DELETE) } => { status => 204 },
    qr{^/} => { status => 404, json => outcome('not-found') },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy plain { update_create off; hide_existence off; }
    smart_policy still { update_create off; }
    proxy_cache_path %%PREFIX%%/cache keys_zone=fhir:1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4     { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /still  { smart hospital policy=still; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /plain  { smart hospital policy=plain; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /cached { smart hospital; proxy_cache fhir; proxy_cache_valid any 10m; proxy_cache_key "\$request_method \$request_uri"; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC
my $token = $issuer->token(scope => 'patient/*.cruds', patient => 'p1');

# The compartment, and the types that link to patients.
my @types = qw(
    Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic BodyStructure CarePlan CareTeam ChargeItem Claim ClaimResponse
    ClinicalImpression Communication CommunicationRequest Composition Condition Consent Coverage CoverageEligibilityRequest CoverageEligibilityResponse
    DetectedIssue DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter EnrollmentRequest EpisodeOfCare
    ExplanationOfBenefit FamilyMemberHistory Flag Goal Group ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation Invoice List
    MeasureReport Media MedicationAdministration MedicationDispense MedicationRequest MedicationStatement MolecularSequence NutritionOrder Observation Patient
    Person Procedure Provenance QuestionnaireResponse RelatedPerson RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest Specimen SupplyDelivery
    SupplyRequest VisionPrescription Device Task GuidanceResponse Contract BiologicallyDerivedProduct PaymentNotice PaymentReconciliation VerificationResult
    DeviceMetric EnrollmentResponse Binary Bundle Parameters Subscription MessageHeader Linkage);
my @json = ('Content-Type' => 'application/json-patch+json');
my @reads = (
    [ 'GET', '' ], [ 'GET', '', [ 'If-None-Match' => 'W/"3"' ] ], [ 'GET', '', [ 'If-Modified-Since' => 'Thu, 26 Nov 2026 00:00:00 GMT' ] ], [ 'GET', '' ],
    [ 'HEAD', '' ], [ 'HEAD', '', [ 'If-None-Match' => 'W/"3"' ] ], [ 'GET', '/_history/1' ], [ 'GET', '/_history' ], [ 'GET', '/$meta' ],
);
my @writes = (
    [ 'DELETE', '' ], [ 'DELETE', '', [ 'If-Match' => 'W/"3"' ] ], [ 'DELETE', '', [ 'If-Match' => 'W/"1"' ] ],
    map { [ 'PATCH', '', [@json], $_ ] } '[{"op":"add","path":"/x","value":1}]', '[{"op":"test","path":"/id","value":"no"}]', '[{"op":"no","path":"/id"}]',
);

# What the client sees, but for the date.
sub seen {
    my ($where, $type, $id, $method, $below, $headers, $body) = @_;
    my $r   = $nginx->request($method, "/$where/$type/$id$below", bearer => $token, headers => $headers || [], defined $body ? (body => $body) : ());
    my $raw = $r->raw =~ s/^Date:.*\r\n//mr;
    return $raw;
}

my $n = 0;
for my $type (@types) {
    my @differ;
    for my $case ((map { [ 'r4', @$_ ], [ 'cached', @$_ ] } @reads), map { [ 'r4', @$_ ] } @writes) {
        my ($where, @how) = @$case;
        my %seen = map { $_ => seen($where, $type, $_, @how) } qw(foreign gone missing);
        $n += 3;
        push @differ, "$where @how[0, 1] " . join('|', map { /^HTTP\S+ (\d+)/ ? $1 : 'none' } @seen{qw(foreign gone missing)})
            if $seen{foreign} ne $seen{missing} || $seen{gone} ne $seen{missing} || $seen{missing} !~ m{^HTTP/1.1 40[0345]} || "@seen{qw(foreign gone)}" =~ /\Q$secret\E|W\/"3"/;
    }
    is(join(', ', @differ), '', "$type: foreign, deleted and missing are alike");
}

# Where updates create nothing, they are no oracle either; where existence may show, nothing else does.
sub status { my ($seen) = @_; return $seen =~ /^HTTP\S+ (\d+)/ ? $1 : 'none' }
for my $type (grep { !/^(?:Group|Patient)$/ } @types) {
    my $body = sub { return qq({"resourceType":"$type","id":"$_[0]","subject":{"reference":"Patient/p1"},"patient":{"reference":"Patient/p1"}}) };
    my %put = map { $_ => seen('still', $type, $_, 'PUT', '', [ 'Content-Type' => 'application/fhir+json' ], $body->($_)) } qw(foreign gone missing);
    my %get = map { $_ => status(seen('plain', $type, $_, 'GET', '')) } qw(foreign gone missing);
    $n += 6;
    ok($put{foreign} eq $put{missing} && $put{gone} eq $put{missing}, "$type: updates that create nothing, alike") || diag(%put);
    # what decides on these is what they are about, or what refers to them, and that is not there
    my $foreign = $type =~ /^(?:Provenance|Binary)$/ ? '404' : '403';
    is("@get{qw(foreign gone missing)}", $get{missing} eq '403' ? '403 403 403' : "$foreign 404 404", "$type: where existence may show");
}
cmp_ok($n, '>', 5000, "$n requests");
is(join(' ', map { $_->method . ' ' . $_->target } grep { $_->method ne 'GET' } $up->requests), '', 'nothing was written');

# and what is one's own is found
for my $where (qw(r4 cached)) {
    like(seen($where, 'Observation', 'own', 'GET', ''), qr{^HTTP/1.1 200}, "$where: one's own");
}
like(seen('r4', 'Observation', 'own', 'DELETE', ''), qr{^HTTP/1.1 204}, 'one\'s own is deleted');

done_testing();
