# What is judged of headers and bodies is all that is sent of them (threats section 6; RULES B9, B14, L11, L20).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $o1     = { resourceType => 'Observation', id => 'o1', subject => { reference => 'Patient/p1' } };
my $up     = upstream(
    qr{^GET /fhir/Observation/o1}             => { json => $o1 },
    qr{^(?:GET|POST) /fhir/Observation}       => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => $o1 } ] } },
    qr{^POST /fhir/Binary}                    => { body => '' },
    qr{^GET /fhir/metadata}                   => { json => { resourceType => 'CapabilityStatement' } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC
my $patient = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $system  = $issuer->token(scope => 'system/*.rs');
my $writer  = $issuer->token(scope => 'system/Observation.cr');
my @form    = ('Content-Type' => 'application/x-www-form-urlencoded');
my @fhir    = ('Content-Type' => 'application/fhir+json');

sub many { my ($name, $n, @last) = @_; return (map { ($name => "x$_") } 1 .. $n), map { ($name => $_) } @last }

# a preference or version that hides behind many others
for my $n (0, 7, 8, 40) {
    my $r = $nginx->get('/r4/Observation/o1', bearer => $system, headers => [ many(Prefer => $n, 'respond-async') ]);
    is($r->status, 200, "$n preferences and one for an answer later");
    unlike(join(',', $up->last->header_all('prefer')), qr/respond-async/, 'which is not sent');
    $r = $nginx->get('/r4/Observation/o1', bearer => $system,
        headers => [ many(Accept => $n, 'application/fhir+json; fhirVersion=5.0') ]);
    is($r->status, 406, "$n types and one of another version");
    $r = $nginx->get('/r4/Observation/o1', bearer => $system,
        headers => [ many(Accept => $n, 'application/fhir+json; fhirVersion=4.0') ]);
    is($r->status, 200, "the same of this version");
}

# bodies that somebody else would read otherwise
my $body = '{"resourceType":"Observation"}';
my @coded = ([ br => 415 ], [ gzip => 415 ], [ 'identity, deflate' => 415 ], [ identity => 200 ]);
for (@coded) {
    my ($coding, $status) = @$_;
    my $r = $nginx->post('/r4/Observation', bearer => $writer, headers => [ @fhir, 'Content-Encoding' => $coding ], body => $body);
    is($r->status, $status, "a resource coded $coding");
    $r = $nginx->post('/r4/Observation/_search', bearer => $patient, headers => [ @form, 'Content-Encoding' => $coding ], body => 'code=x');
    is($r->status, $status, "a form coded $coding");
}
my $r = $nginx->post('/r4/Observation', bearer => $writer, headers => [ 'Content-Type' => 'application/json;a=b', 'Content-Type' => 'application/fhir+xml' ], body => $body);
like($r->status, qr/^4(?:00|15)$/, 'two content types');

# a Binary's security context travels beside it
my $binary = $issuer->token(scope => 'system/Binary.cr');
for ([ 'Patient?identifier=x' => 403 ], [ 'Patient/1' => 200 ]) {
    my ($context, $status) = @$_;
    $r = $nginx->post('/r4/Binary', bearer => $binary, headers => [ 'Content-Type' => 'image/png', 'X-Security-Context' => $context ], body => 'xyz');
    is($r->status, $status, "a Binary in the context of $context");
}

# an edit that leaves nothing of the form
$r = $nginx->post('/r4/Observation/_search?patient=p1', bearer => $patient, headers => \@form, body => '_format=json');
is($r->status, 200, 'narrowed in the URL already, format taken out');
is($up->last->body, '', 'nothing is left of the form');
is($up->last->query, 'patient=p1', 'and the URL is as it was');

# another page of somebody's search, without a token
my $before = () = $up->requests;
for my $page ('_getpages=7d3f', '%5fgetpages=7d3f', 'mode=full&ct=x', '_method=POST') {
    outcome_is($nginx->get("/r4/metadata?$page"), 403, 'not-supported', "metadata?$page");
}
is(scalar(() = $up->requests), $before, 'none of it was sent');
is($nginx->get('/r4/metadata?mode=full&_summary=true')->status, 200, 'the capabilities themselves');

done_testing();
