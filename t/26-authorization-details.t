# authorization_details (RULES F4): one token, another meaning at each of several bases.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $up = upstream(qr{^GET } => sub {
    my ($type, $id) = $_[0]->path =~ m{/(\w+)/(\w+)$};
    return { json => { resourceType => $type, id => $id } };
});
my $issuer = issuer();
my $nginx  = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<'EOC');
    smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /a { smart hospital; smart_base_url https://a.example.org/fhir; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /b { smart hospital; smart_base_url https://b.example.org/fhir/; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

sub detail { return { type => 'smart_on_fhir', fhirVersions => ['4.0.1'], @_ } }
sub status_of { my ($path, %claims) = @_; return $nginx->get($path, bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1', %claims))->status }

my $b = detail(locations => ['https://b.example.org/fhir'], patient => 'p2');

is(status_of('/a/Patient/p1'), 200, 'without details: the token as it is');
is(status_of('/b/Patient/p1'), 200, 'everywhere');
for my $list ([$b], [{ type => 'other', locations => ['https://b.example.org/fhir'], patient => 'p9' }, $b, detail(locations => ['https://c.example.org'], patient => 'p1')]) {
    is(status_of('/a/Patient/p1', authorization_details => $list), 200, 'a base that no detail is for: the token as it is');
    is(status_of('/b/Patient/p2', authorization_details => $list), 200, 'the other base: another patient');
    is(status_of('/b/Patient/p1', authorization_details => $list), 403, 'and not the first');
}
is($nginx->get('/b/Patient/p2', bearer => $issuer->token(scope => 'patient/*.rs', patient => 'p1', encounter => 'e1', authorization_details => [$b]))->status, 200, 'asked again');
my $sent = $up->last;
is(join(' ', map { $sent->header("X-SMART-$_") // '-' } qw(Patient Encounter Scopes)), 'p2 e1 patient/*.rs', 'the FHIR server is told what holds there; the rest falls back');
is(status_of('/b/Patient/p1', authorization_details => [detail(locations => ['https://b.example.org/fhir/'], scope => 'patient/Observation.rs')]), 403, 'other scopes');
is(status_of('/b/Observation/o1', authorization_details => [detail(locations => ['https://b.example.org/fhir/'], scope => 'openid')]), 403, 'no scopes that count');
my $token = $issuer->token(scope => 'patient/*.rs', patient => 'p1', authorization_details => [$b]);
is(join(' ', map { $nginx->get($_, bearer => $token)->status } ('/a/Patient/p1', '/b/Patient/p1', '/b/Patient/p2', '/a/Patient/p2') x 2), join(' ', (200, 403, 200, 403) x 2), 'one token at both, from the cache as well');
is(status_of('/b/Patient/p2', authorization_details => [$b, $b]), 401, 'two details for one base');
is(status_of('/b/Patient/p1', authorization_details => $b), 401, 'no list');
is(status_of('/a/Patient/p1', authorization_details => 'x'), 401, 'nor a text');
is(status_of('/b/Patient/p2', authorization_details => [detail(locations => ['https://b.example.org/fhir'], patient => ['p1', 'p2'])]), 403, 'a patient that is none does not fall back');
done_testing();
