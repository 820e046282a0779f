# Writes under a check, through nginx: what the upstream receives, and what it never does (RULES D4, D9, D10, L13, L14, B4).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation { my ($id, $patient, %more) = @_; return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" }, %more } }
sub stored { my ($etag, $resource) = @_; return { json => $resource, headers => [ $etag ? (ETag => $etag) : (), 'Content-Type' => 'application/fhir+json' ] } }

my $up = upstream(
    'GET /fhir/Observation/own'     => stored('W/"7"', observation('own', 'p1')),
    'GET /fhir/Observation/strong'  => stored('"7"', observation('strong', 'p1')),
    'GET /fhir/Observation/meta'    => stored(undef, observation('meta', 'p1', meta => { versionId => '3' })),
    'GET /fhir/Observation/plain'   => stored(undef, observation('plain', 'p1')),
    'GET /fhir/Observation/foreign' => stored('W/"7"', observation('foreign', 'p2')),
    'GET /fhir/Observation/raced'   => stored('W/"7"', observation('raced', 'p1')),
    'GET /fhir/Observation/gone'    => { status => 410, json => { resourceType => 'OperationOutcome' } },
    'GET /fhir/Observation/shut'    => { status => 401, json => { resourceType => 'OperationOutcome' } },
    'GET /fhir/Observation'         => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => observation('own', 'p1') }, { resource => observation('foreign', 'p2') } ] } },
    'PUT /fhir/Observation/raced'   => { status => 412, json => { resourceType => 'OperationOutcome' } },
    qr{^PUT }    => sub { my ($request) = @_; return { status => 200, headers => [ ETag => 'W/"8"', 'Content-Type' => 'application/fhir+json' ], body => $request->body } },
    qr{^PATCH }  => { json => observation('own', 'p1') },
    qr{^POST }   => sub { my ($request) = @_; return { status => 201, headers => [ Location => 'x', 'Content-Type' => 'application/fhir+json' ], body => $request->body } },
    qr{^DELETE } => { status => 204 },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4  { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $all  = $issuer->token(scope => 'patient/Observation.cruds', patient => 'p1');
my $mute = $issuer->token(scope => 'patient/Observation.cu', patient => 'p1');

sub ask {
    my ($method, $path, $body, %more) = @_;
    my $token = delete $more{token} // $all;
    my $type  = delete $more{type} // 'application/fhir+json';
    $up->clear;
    return $nginx->client->request($method, "/r4/$path", bearer => $token,
        $body ? (body => ref $body ? JSON::PP->new->canonical->encode($body) : $body) : (),
        headers => [ $body ? ('Content-Type' => $type) : (), %more ]);
}

# The write that the upstream received; reads before it do not count.
sub written { my ($write) = grep { $_->method !~ /^(?:GET|HEAD)$/ } $up->requests; return $write }

sub refused {
    my ($answer, $status, $name) = @_;
    is($answer->status, $status, $name);
    ok(!written(), "$name: nothing is written");
}

my $answer = ask('PUT', 'Observation/own', observation('own', 'p1', status => 'final'));
is($answer->status, 200, 'update of one\'s own');
is(written()->header('If-Match'), 'W/"7"', 'pinned to what was judged');
is(written()->json->{status}, 'final', 'the body as it came');
is(scalar($up->requests), 2, 'one read, one write');

ask('PUT', 'Observation/strong', observation('strong', 'p1'));
is(written()->header('If-Match'), '"7"', 'a strong ETag');
ask('PUT', 'Observation/meta', observation('meta', 'p1'));
is(written()->header('If-Match'), 'W/"3"', 'no ETag: meta.versionId');
refused(ask('PUT', 'Observation/plain', observation('plain', 'p1')), 409, 'no version at all');

refused(ask('PUT', 'Observation/own', observation('own', 'p2')), 403, 'moved to another patient');
refused(ask('PUT', 'Observation/foreign', observation('foreign', 'p1')), 403, 'another\'s moved to oneself');
refused(ask('PUT', 'Observation/foreign', observation('foreign', 'p2')), 403, 'another\'s');
refused(ask('PUT', 'Observation/shut', observation('shut', 'p1')), 502, 'what may not be read (F10)');

$answer = ask('PUT', 'Observation/new', observation('new', 'p1'));
is($answer->status, 200, 'what is not there is created');
is(written()->header('If-None-Match'), '*', 'and only then');

is(ask('PUT', 'Observation/own', observation('own', 'p1'), 'If-Match' => 'W/"7"')->status, 200, 'the client expects this version');
refused(ask('PUT', 'Observation/own', observation('own', 'p1'), 'If-Match' => 'W/"6"'), 412, 'the client expects another');
is(ask('PUT', 'Observation/raced', observation('raced', 'p1'))->status, 409, 'a lost race');
is(written()->header('If-Match'), 'W/"7"', 'it was sent');
is(ask('PUT', 'Observation/raced', observation('raced', 'p1'), 'If-Match' => 'W/"7"')->status, 412, 'the client\'s own race');

is(ask('DELETE', 'Observation/own')->status, 204, 'delete');
is(written()->header('If-Match'), 'W/"7"', 'delete: pinned');
my %texts;
for my $id (qw(foreign missing gone)) {
    for my $method (qw(DELETE PATCH)) {
        my $patch = $method eq 'PATCH' ? '[{"op":"add","path":"/status","value":"final"}]' : undef;
        $answer = ask($method, "Observation/$id", $patch, type => 'application/json-patch+json');
        refused($answer, 404, "$method of a $id one");
        $texts{ $answer->body }++;
    }
}
is(scalar(keys %texts), 1, 'foreign, missing and gone are told alike (D9)');

my $patch = '[{"op":"add","path":"/status","value":"final"}]';
is(ask('PATCH', 'Observation/own', $patch, type => 'application/json-patch+json')->status, 200, 'patch');
is(written()->body, $patch, 'the patch as it came');
is(written()->header('If-Match'), 'W/"7"', 'patch: pinned');
refused(ask('PATCH', 'Observation/own', '[{"op":"replace","path":"/subject/reference","value":"Patient/p2"}]', type => 'application/json-patch+json'), 403, 'patch to another patient');
refused(ask('PATCH', 'Observation/own', '[{"op":"remove","path":"/x"}]', type => 'application/json-patch+json'), 422, 'patch that does not fit');

my $new = { resourceType => 'Observation', subject => { reference => 'Patient/p1' } };
is(ask('POST', 'Observation', $new)->status, 201, 'create');
refused(ask('POST', 'Observation', { %$new, subject => { reference => 'Patient/p2' } }), 403, 'create for another');
refused(ask('POST', 'Observation', '<Observation/>', type => 'application/fhir+xml'), 415, 'create as XML');

$answer = ask('POST', 'Observation', $new, token => $mute, Prefer => 'return=representation');
is($answer->status, 201, 'create without r');
is(written()->header('Prefer'), 'return=minimal', 'no representation is asked for (B4)');
is($answer->body, '', 'and none that comes all the same is passed on');
is($answer->header('Location') ? 1 : 0, 1, 'Location stays');

is(ask('PUT', 'Observation?identifier=x', $new)->status, 200, 'conditional update: another\'s is not counted');
is(written()->method . ' ' . written()->path, 'PUT /fhir/Observation/own', 'the one that is found, by its id');
is(written()->json->{id}, 'own', 'which the body says now');
is(written()->header('If-Match'), 'W/"7"', 'conditional: pinned');
is(($up->requests)[0]->query, 'identifier=x&patient=p1', 'it was searched for with the narrowed criteria');
ask('POST', 'Observation', $new, 'If-None-Exist' => 'identifier=x');
is(written()->header('If-None-Exist'), 'identifier=x&patient=p1', 'a conditional create is narrowed');

done_testing();
