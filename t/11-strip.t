# Launch context headers: a client cannot say them in any spelling (RULES F9, threats section 6); overrides do not pass.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $up     = upstream(
    qr{Patient/p1$} => { json => { resourceType => 'Patient', id => 'p1' } },
    qr{}            => { json => { resourceType => 'CapabilityStatement' } },
);
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    underscores_in_headers on;
    ignore_invalid_headers off;
    large_client_header_buffers 8 32k;
    map \$http_x_smart_patient \$mapped { default "mapped:\$http_x_smart_patient"; }
    server {
        listen 127.0.0.1:%%PORT%%;
        set \$seen '';
        set \$early \$http_x_smart_patient;
        if (\$http_x_smart_patient) { set \$seen yes; }
        add_header X-Early "[\$early][\$seen][\$mapped]" always;
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /renamed {
            smart hospital;
            smart_context_header patient X-Context-Patient;
            smart_context_header encounter off;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%;
        }
        location /open/ { proxy_pass http://127.0.0.1:%%UPSTREAM%%/; }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location / { proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

my $token = $issuer->token(scope => 'patient/*.rs', patient => 'p1', sub => 'u1');

# One, many, at every place of the list (nginx keeps 20 to a part), in every spelling.
my @spellings = qw(
    X-SMART-Patient x-smart-patient X_SMART_Patient X-SMART_Patient x.smart.patient X-SMART-PATIENT
    X-SMART-Anything X-SMART- X-SMART-Patient_ X~SMART~Patient X-Context-Patient x_context_patient
    X-SMART-Encounter X-SMART-Tenant X-SMART-Scopes
);
my @overrides = qw(
    X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-Original-URL X-Rewrite-URL X_Original_URL
    X-Forwarded-Uri X-Forwarded-Prefix X-Forwarded-Host Forwarded Upgrade Keep-Alive TE Proxy-Authorization
    X-Provenance
);

sub no_spoof {
    my ($request, $name) = @_;
    my @found = grep { my $n = lc; $n =~ s/[^a-z0-9]/-/g; $n =~ /^x-smart-|^x-context/ } map { $_->[0] } @{ $request->headers };
    my @values = grep { /spoofed/ } map { $_->[1] } @{ $request->headers };
    is("@values", '', "$name: no spoofed value");
    is(scalar(grep { $_->[0] eq '' } @{ $request->headers }), 0, "$name: no empty line");
    return @found;
}

for my $at (0, 1, 18, 19, 20, 21, 39, 40, 41) {
    my @fill = map { ("X-Fill-$_" => $_) } 1 .. $at;
    my @spoof = map { ($_ => 'spoofed') } @spellings;
    my $r = $nginx->get('/r4/Patient/p1', bearer => $token, headers => [ @fill, @spoof, @fill ]);
    is($r->status, 200, "behind $at") || diag($r->raw);
    my @found = no_spoof($up->last, "behind $at");
    header_is($up->last, 'X-SMART-Patient', 'p1', "behind $at: ours, once");
    is(scalar(grep { /^X-Fill/ } map { $_->[0] } @{ $up->last->headers }), 2 * $at, "behind $at: nothing else is lost");
    is($r->header('X-Early'), '[][][mapped:]', "behind $at: not even early variables saw it");
    $up->clear;
}

# only spoofed headers in a whole list part: no line ":" is sent
my $r = $nginx->get('/open/x', headers => [ (map { ("X-Fill-$_" => $_) } 1 .. 18), map { ("X-SMART-S$_" => 'spoofed') } 1 .. 60 ]);
is($r->status, 200, 'list parts emptied');
is(join(' ', no_spoof($up->last, 'list parts emptied')), '', 'all gone');
$up->clear;

# pass-through, public, preflight, no such claim
for my $path ('/open/x', '/r4/metadata') {
    $nginx->get($path, headers => [ map { ($_ => 'spoofed') } @spellings ]);
    is(join(' ', no_spoof($up->last, $path)), '', "$path: stripped");
    $up->clear;
}
my $bare = $issuer->token(scope => 'system/*.rs', sub => undef, client_id => undef, jti => undef);
$nginx->get('/r4/Patient/p1', bearer => $bare, headers => [ 'X-SMART-Patient' => 'spoofed' ]);
is(join(' ', sort(no_spoof($up->last, 'no such claim'))), 'X-SMART-Issuer X-SMART-Scopes', 'only what the token says');
$up->clear;

# renamed and switched off
my $launch = $issuer->token(scope => 'patient/*.rs', patient => 'p1', encounter => 'e1');
$nginx->get('/renamed/Patient/p1', bearer => $launch, headers => [ 'X-SMART-Patient' => 'spoofed', 'X-Context-Patient' => 'spoofed' ]);
no_spoof($up->last, 'renamed');
header_is($up->last, 'X-Context-Patient', 'p1', 'renamed');
header_is($up->last, 'X-SMART-Patient', '', 'the default name is not used');
header_is($up->last, 'X-SMART-Encounter', '', 'switched off');
$up->clear;
$nginx->get('/r4/Patient/p1', bearer => $launch);
header_is($up->last, 'X-SMART-Encounter', 'e1', 'control: not switched off elsewhere');
$up->clear;

# what overrides the judged request does not pass, what names hops neither
$r = $nginx->get('/r4/Patient/p1', bearer => $token, headers => [ Host => 'localhost', (map { ($_ => 'spoofed') } @overrides), Connection => 'X-SMART-Patient, Authorization', 'X-Forwarded-For' => '192.0.2.1', 'X-Request-Id' => 'r1' ]);
is($r->status, 200, 'overrides');
no_spoof($up->last, 'overrides');
header_is($up->last, 'X-SMART-Patient', 'p1', 'Connection does not take ours away');
unlike($up->last->header('Connection') // '', qr/smart|auth/i, 'nor does it pass');
header_is($up->last, 'X-Forwarded-For', '192.0.2.1', 'control: others pass');
header_is($up->last, 'X-Request-Id', 'r1', 'control: others pass');
$up->clear;
$nginx->get('/open/x', headers => [ Host => 'localhost', 'X-Forwarded-Host' => 'h' ]);
header_is($up->last, 'X-Forwarded-Host', 'h', 'a location without smart keeps what is not ours');
$up->clear;

# another server without smart is not concerned
client(port => $nginx->port(2))->get('/x', headers => [ 'X-SMART-Patient' => 'kept' ], close => 1);
header_is($up->last, 'X-SMART-Patient', 'kept', 'a server without smart');

done_testing();
