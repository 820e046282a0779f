# smart_bypass: what the operator's variable lets through is not checked, but stripped and recorded; all else is enforced.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $up     = upstream(qr{} => { json => { resourceType => 'Patient', id => 'bruno' } });
my $conf   = <<"EOC";
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    log_format smart '\$uri|\$smart_status|\$smart_reason|\$smart_subject';
    access_log %%PREFIX%%/smart.log smart;
    map \$http_x_monitor \$monitor { default ""; probe-secret 1; zero 0; }
    map \$http_x_glass \$glass { default 0; broken yes; }
    server {
        listen 127.0.0.1:%%PORT%%;
        underscores_in_headers on;
        smart_bypass \$monitor \$glass;
        location /r4      { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /strict  { smart hospital; smart_bypass \$nothing; set \$nothing ''; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /own     { smart hospital; smart_upstream_authorization "Basic eDp5"; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /onward  { smart hospital; try_files /nosuch \@plain; }
        location /inward  { smart hospital; try_files /nosuch /strict/Patient/bruno; }
        location /outward { smart hospital; smart_bypass \$nothing; error_page 418 = /r4/Patient/bruno; proxy_intercept_errors on; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location \@plain  { proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location / { proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC
my %vars  = (UPSTREAM => $up->port, ISSUER => $issuer->uri);
my $nginx = nginx(vars => \%vars, conf => $conf);
my $plain = $nginx->client(port => $nginx->port(2));
my $token = $issuer->token(scope => 'patient/Patient.r', patient => 'ada', sub => 'u');

my ($ok, $said) = Smart::Nginx->check(vars => \%vars, conf => $conf);
ok($ok, 'nginx -t');
like($said, qr/\[warn\] .*"smart_bypass": requests .* are not checked at all in .*nginx\.conf:\d+/, 'warned of at start');

sub record { return (split /\n/, slurp($nginx->prefix . '/smart.log'))[-1] // '' }
sub recorded { my ($want, $name) = @_; ok(wait_until(sub { record() =~ $want }, 3), $name) || diag(record()) }

my @probe = ('X-Monitor' => 'probe-secret');
for my $case ([ 'no token' ], [ 'another scheme', Authorization => 'Basic eA==' ], [ 'a token', Authorization => "Bearer $token" ]) {
    my ($name, @more) = @$case;
    is($nginx->get('/r4/Patient/bruno', headers => \@more)->status, $name eq 'a token' ? 403 : 401, "$name, control: enforced without the variable");
    recorded(qr{\|DENIED\|}, "$name, control: the record");
    $up->clear;
    is($nginx->get('/r4/Patient/bruno?x=1', headers => [ @probe, @more ])->status, 200, "$name: bypassed");
    my $sent = $up->last->raw;
    recorded(qr{\|BYPASS\|-\|-$}, "$name: the record");
    $plain->get('/r4/Patient/bruno?x=1', headers => [ @probe, @more ]);
    my $direct = $up->last->raw;
    is($sent, $direct, "$name: byte for byte as without smart");
}
is($nginx->get('/r4/Patient/bruno', headers => [ 'X-Glass' => 'broken' ])->status, 200, 'the other variable');
is($nginx->get('/r4/Patient/bruno', headers => [ 'X-Monitor' => 'zero' ])->status, 401, '"0" is no');
is($nginx->get('/r4/Patient/bruno', headers => [ 'X-Monitor' => 'wrong' ])->status, 401, 'nothing is no');

$up->clear;
is($nginx->get('/r4/Patient/bruno', headers => [ @probe, 'X-SMART-Patient' => 'bruno', X_Smart_Patient => 'bruno' ])->status, 200, 'context headers of the client');
is(join(' ', grep { /smart/i } map { $_->[0] } @{ $up->last->headers }), '', 'are stripped');
is($nginx->get('/own/Patient/bruno', headers => [ @probe, Authorization => 'Bearer x' ])->status, 200, 'smart_upstream_authorization');
header_is($up->last, 'Authorization', 'Basic eDp5', "the operator's");

is($nginx->get('/strict/Patient/bruno', headers => \@probe)->status, 401, 'another location has its own variables');
is($nginx->get('/onward/Patient/bruno', headers => \@probe)->status, 200, 'on to a location without smart');
is($nginx->get('/onward/Patient/bruno')->status, 401, 'control: enforced');
$up->clear;
is($nginx->get('/inward/Patient/bruno', headers => \@probe)->status, 401, 'an enforcing location that comes later enforces');
upstream_got($up, 0, 'nothing is sent');

# once enforced, a later location's bypass is none
$up->set(qr{outward} => { status => 418 }, qr{} => { json => { resourceType => 'Patient', id => 'bruno' } });
is($nginx->get('/r4/Patient/bruno', headers => \@probe)->status, 200, 'control: bypassed there');
$up->clear;
is($nginx->get('/outward/Patient/ada', bearer => $token, headers => \@probe)->status, 403, 'an enforced request stays enforced');
upstream_got($up, 1, 'only what was judged is sent');
recorded(qr{\|DENIED\|}, 'and is recorded so');
done_testing();
