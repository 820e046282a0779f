# Reads and searches that need something stored to be looked at first (RULES D6, D7, D9, D11, B6, C9, L9).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub resource { my ($type, $id, %more) = @_; return { resourceType => $type, id => $id, %more } }
sub of       { my ($patient) = @_; return (subject => { reference => "Patient/$patient" }) }
sub bundle   { my ($kind, @of) = @_; return { json => { resourceType => 'Bundle', type => $kind, entry => [ map { { resource => $_ } } @of ] } } }
sub about    { my ($id, @targets) = @_; return resource('Provenance', $id, meta => { versionId => '1' }, target => [ map { { reference => $_ } } @targets ]) }

my $up = upstream(
    'GET /fhir/Observation/o1'            => { json => resource('Observation', 'o1', of('p1')) },
    'GET /fhir/Observation/o2'            => { json => resource('Observation', 'o2', of('p2')) },
    'GET /fhir/Observation/gone'          => { status => 410, json => resource('OperationOutcome', 'x', issue => []) },
    'GET /fhir/Observation/o1/_history/1' => { json => resource('Observation', 'o1', of('p1')) },
    'GET /fhir/Observation/o2/_history/1' => { json => resource('Observation', 'o2', of('p1')) },
    'GET /fhir/Observation/gone/_history/1' => { json => resource('Observation', 'gone', of('p1')) },
    'GET /fhir/Observation/gone/_history' => bundle('history', resource('Observation', 'gone', of('p2'))),
    'GET /fhir/Observation/o1/$meta'      => { json => resource('Parameters', 'm') },
    'GET /fhir/Encounter/e1'              => { json => resource('Encounter', 'e1', of('p1')) },
    'GET /fhir/Encounter/e2'              => { json => resource('Encounter', 'e2', of('p2')) },
    qr{^GET /fhir/Encounter/e\d/Observation$}  => bundle('searchset', resource('Observation', 'o1', of('p1')), resource('Observation', 'o2', of('p2'))),
    qr{^GET /fhir/Encounter/e\d/\$everything$} => bundle('searchset', resource('Observation', 'o1', of('p1')), resource('Observation', 'o2', of('p2'))),
    'GET /fhir/List/l1'     => { json => resource('List', 'l1', of('p1')) },
    'GET /fhir/List/l2'     => { json => resource('List', 'l2', of('p2')) },
    'GET /fhir/Observation' => bundle('searchset', resource('Observation', 'o1', of('p1'))),
    'GET /fhir/Provenance/v1' => { json => about('v1', 'Observation/o1') },
    'GET /fhir/Provenance/v2' => { json => about('v2', 'Observation/o2') },
    'GET /fhir/Provenance'    => bundle('searchset', about('v1', 'Observation/o1'), about('v2', 'Observation/o2')),
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC
my $patient = $issuer->token(scope => 'patient/*.rs', patient => 'p1');

sub get  { my ($path, %more) = @_; $up->clear; return $nginx->get("/r4/$path", bearer => $patient, %more) }
sub sent { return join ' ', map { $_->path . (defined $_->query ? '?' . $_->query : '') } $up->requests }

# What is not there, by whatever way: one answer.
my $missing = get('Observation/nobody/_history/1');
is($missing->status, 404, 'missing');
is(sent(), '/fhir/Observation/nobody', 'nothing but the current version was asked for');

sub as_missing {
    my ($path, $name) = @_;
    my $r = get($path);
    is($r->status, 404,            "$name: as if it were not there");
    is($r->body,   $missing->body, 'byte for byte');
    unlike(sent(), qr/_history\/|\$|Encounter\/e2\/O/, 'and the request itself was not sent');
    return;
}

# --- versions (D11)
is(get('Observation/o1/_history/1')->status, 200, 'a version of what is the patient\'s');
is(sent(), '/fhir/Observation/o1 /fhir/Observation/o1/_history/1', 'the current one first');
as_missing('Observation/o2/_history/1',   'filed on the patient, corrected to another');
as_missing('Observation/gone/_history/1', 'deleted, last another\'s');

# --- an encounter's compartment, and all of it (D7, B6)
my $r = get('Encounter/e1/Observation');
is($r->status, 200, 'of an own encounter');
like($r->body, qr/"o1"/, 'what is the patient\'s');
unlike($r->raw, qr/p2/, 'and nothing else');
is(sent(), '/fhir/Encounter/e1 /fhir/Encounter/e1/Observation?patient=p1', 'narrowed');
as_missing('Encounter/e2/Observation', 'another\'s encounter');
as_missing('Encounter/e9/Observation', 'no encounter');
$r = get('Encounter/e1/$everything');
is($r->status, 200, '$everything of an own encounter');
like($r->body, qr/"o1"/, 'what is the patient\'s');
unlike($r->raw, qr/p2/, 'and nothing else');
as_missing('Encounter/e2/$everything', '$everything of another\'s');
is(get('Observation/o1/$meta')->status, 200, 'an operation that reads the patient\'s');
as_missing('Observation/o2/$meta', 'the same of another\'s');

# --- lists (C9)
is(get('Observation?_list=l1')->status, 200, 'by a list of the patient\'s');
is(sent(), '/fhir/List/l1 /fhir/Observation?_list=l1&patient=p1', 'as it was asked, narrowed');
my $foreign = get('Observation?_list=l2');
is(sent(), '/fhir/List/l2 /fhir/Observation?_id=not-found&patient=p1', 'by another\'s: a search that finds nothing');
is($foreign->status, 200, 'an answer');
unlike($foreign->body, qr/"o1"/, 'without matches, whatever the upstream says');
is(get('Observation?_list=l9')->body, $foreign->body, 'as by one that is not there');

# --- Provenance (D6, L9)
is(get('Provenance/v1')->status, 200, 'by its target');
as_missing('Provenance/v2', 'of another\'s target');
$r = get('Provenance?target=Observation/o1');
like($r->body, qr/"v1"/, 'a search by target shows those of the target');
unlike($r->body, qr/"v2"/, 'and no other');
is(sent(), '/fhir/Observation/o1 /fhir/Provenance?target=Observation/o1', 'nothing is appended');
unlike(get('Provenance?target=Observation/o2')->body, qr/"v\d"/, 'by another\'s target: nothing');

done_testing();
