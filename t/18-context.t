# Launch context as headers (RULES F9) and as variables (CONFIG).

use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 qw(encode_base64url);
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $up     = upstream(
    qr{Patient/p1$} => { json => { resourceType => 'Patient', id => 'p1' } },
    qr{Patient/p2$} => { json => { resourceType => 'Patient', id => 'p2' } },
    qr{metadata$}   => { json => { resourceType => 'CapabilityStatement' } },
    qr{/page$}      => { headers => [ 'Content-Type' => 'text/html' ], body => '<!--# echo var="smart_status" default="-" -->' },
);
my @variables = qw(status reason rule issuer subject client_id scope token_id patient encounter fhir_user tenant intent
    interaction resource_type claim_custom claim_tenantId claim_number claim_absent context_imagingstudy);
my $echo  = join ' ', map { "$_=\$smart_$_;" } @variables;
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    limit_req_zone \$smart_client_id zone=clients:1m rate=1r/m;
    log_format facts '\$request_uri $echo';
    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%PREFIX%%/facts.log facts;
        set \$before "\$smart_subject";
        location /r4 {
            smart hospital;
            add_header X-Facts "$echo" always;
            add_header X-Before "[\$before][\$smart_subject]" always;
            proxy_set_header X-Tenant \$smart_tenant;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%;
        }
        location /limited { smart hospital; limit_req zone=clients burst=1 nodelay; limit_req_status 429; add_header X-Facts "$echo" always; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /open { add_header X-Facts "$echo" always; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

sub facts {
    my ($r) = @_;
    return { map { split /=/, $_, 2 } split /; ?/, $r->header('X-Facts') // '' };
}

my %claims = (
    scope => 'patient/*.rs launch', patient => 'Patient/p1', encounter => 'e1', fhirUser => "$base/Practitioner/d1",
    sub => 'u1', client_id => 'app', jti => 'j1', tenant => 't1', intent => 'reconcile', smart_style_url => 'https://x/s.json',
    need_patient_banner => JSON::PP::true(), custom => 'c', number => 42, tenantId => 'T',
    fhirContext => [ { reference => 'ImagingStudy/i1' }, { reference => 'x"\\y z' } ],
);
my $r = $nginx->get('/r4/Patient/p1', bearer => $issuer->token(%claims));
is($r->status, 200, 'allowed') || diag($r->raw);
my %headers = (
    'X-SMART-Patient' => 'p1', 'X-SMART-Encounter' => 'e1', 'X-SMART-FHIR-User' => 'Practitioner/d1',
    'X-SMART-Tenant' => 't1', 'X-SMART-Intent' => 'reconcile', 'X-SMART-Need-Patient-Banner' => 'true',
    'X-SMART-Style-URL' => 'https://x/s.json', 'X-SMART-Scopes' => 'patient/*.rs launch', 'X-SMART-Client-ID' => 'app',
    'X-SMART-Subject' => 'u1', 'X-SMART-Issuer' => $issuer->uri, 'X-SMART-Token-ID' => 'j1', 'X-Tenant' => 't1',
);
header_is($up->last, $_, $headers{$_}, $_) for sort keys %headers;
my $context = $up->last->header('X-SMART-FHIR-Context') // '';
like($context, qr/^[A-Za-z0-9_-]+$/, 'X-SMART-FHIR-Context is base64url');
is_deeply(JSON::PP->new->decode(MIME::Base64::decode_base64url($context)), $claims{fhirContext}, 'of the claim');

my $f = facts($r);
my %expected = (
    status => 'PASSED', reason => 'ok', issuer => 'hospital', subject => 'u1', client_id => 'app', scope => 'patient/*.rs launch',
    token_id => 'j1', patient => 'p1', encounter => 'e1', tenant => 't1', intent => 'reconcile', interaction => 'read',
    resource_type => 'Patient', claim_custom => 'c', claim_tenantId => 'T', claim_number => '42', claim_absent => '', context_imagingstudy => 'i1',
);
is($f->{$_}, $expected{$_}, "\$smart_$_") for sort keys %expected;
like($f->{fhir_user}, qr{Practitioner/d1$}, '$smart_fhir_user');
ok($f->{rule}, '$smart_rule');
is($r->header('X-Before'), '[][u1]', 'known once judged');
$r = $nginx->get('/r4/Patient/p1', bearer => $issuer->token(%claims));

# refused: who it was and why; nobody: why
$r = $nginx->get('/r4/Patient/p2', bearer => $issuer->token(%claims));
$f = facts($r);
is("$f->{status} $f->{reason} $f->{subject} $f->{interaction}", 'DENIED other_patient u1 read', 'refused');
$f = facts($nginx->get('/r4/Patient/p1'));
is("$f->{status} $f->{reason} $f->{subject}", 'DENIED no_credentials ', 'nobody');
$f = facts($nginx->get('/r4/metadata'));
is("$f->{status} $f->{reason} $f->{interaction}", 'PASSED ok capabilities', 'public');
$f = facts($nginx->get('/open/Patient/p1'));
is("$f->{status}$f->{reason}$f->{subject}", 'OFF', 'a location without smart');
wait_until { slurp($nginx->prefix . '/facts.log') =~ /other_patient/ } 3;
like(slurp($nginx->prefix . '/facts.log'), qr/status=DENIED; reason=other_patient/, 'in the log');
$up->clear;

# values that a header cannot hold as they are; ids that are none
my %odd = (
    tenant => "a b", intent => "x\r\nX-SMART-Patient: p2", sub => "\x{e9}\x{20ac}", client_id => "a\x00b", smart_style_url => "\t",
    jti => '', encounter => 'a/b', fhirUser => 'nobody', need_patient_banner => 'true', fhirContext => 'x',
);
$nginx->get('/r4/Patient/p1', bearer => $issuer->token(%claims, %odd, patient => 'p1'));
my $sent = $up->last;
if ($sent) {
    header_is($sent, 'X-SMART-Patient', 'p1', 'no injection');
    header_is($sent, 'X-SMART-Tenant', encode_base64url('a b'), 'a space');
    header_is($sent, 'X-SMART-Intent', encode_base64url("x\r\nX-SMART-Patient: p2"), 'a line break');
    my $utf8 = "\x{e9}\x{20ac}"; utf8::encode($utf8);
    header_is($sent, 'X-SMART-Subject', encode_base64url($utf8), 'not ASCII');
    for my $name (qw(Encounter FHIR-User Need-Patient-Banner FHIR-Context Token-ID)) {
        header_is($sent, "X-SMART-$name", '', "no X-SMART-$name of a void claim");
    }
} else {
    is($nginx->get('/r4/Patient/p1', bearer => $issuer->token(%claims, %odd, patient => 'p1'))->status, 401, 'such claims are refused');
}
$up->clear;
for my $patient ('p1/../p2', 'p1,p2', "p1\n", '', [ 'p1' ], { id => 'p1' }, 'p1&x=y', 'p1%2f', 7, undef, 'Group/p1', 'https://other.example.org/Patient/p1') {
    my $shown = defined $patient ? ref $patient || $patient : 'none';
    $shown =~ s/\n/\\n/;
    my $denied = $nginx->get('/r4/Patient/p1', bearer => $issuer->token(%claims, patient => $patient));
    ok($denied->status == 403 || $denied->status == 401 || ref $patient eq 'ARRAY' && $denied->status == 200, "patient claim $shown grants nothing") || diag($denied->raw);
}

# before judging, known tokens have names: limit_req counts a client, and unknown tokens of its name do not count for it
my $known = $issuer->token(%claims, client_id => 'busy', jti => 'j2');
my @statuses = map { $nginx->get('/limited/Patient/p1', bearer => $known)->status } 1 .. 5;
is("@statuses", '200 200 200 429 429', 'limit_req by $smart_client_id');
is($nginx->get('/limited/Patient/p1', bearer => $issuer->token(%claims, client_id => 'calm', jti => 'j3'))->status, 200, 'another client');
my $forged = $known =~ s/\.[^.]*$/.AAAA/r;
my @forged = map { $nginx->get('/limited/Patient/p1', bearer => $forged)->status } 1 .. 2;
is("@forged", '401 401', 'a forged token has no name');

done_testing();
