# A reload keeps the documents and asks nobody; changed settings start anew.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });
my $issuer = issuer();

sub conf {
    my ($entries) = @_;

    return <<"EOC";
        smart_zone zone=keys:512k;
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
EOC
}

my $nginx = nginx(workers => 2, vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => conf(''));
my $token = $issuer->token;

sub status_now { return $nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status }

is(status_now(), 200, 'good');
is($issuer->gets('jwks'), 1, 'fetched once');
$issuer->answer(openid => { drop => 1 }, oauth => { drop => 1 }, jwks => { drop => 1 });
ok($nginx->reload, 'reload while the issuer is down');
is(status_now(), 200, 'the keys are still known');
is($issuer->gets('jwks'), 1, 'and nobody was asked');
ok($nginx->reload(conf => conf('leeway 30s; algorithms RS256;')), 'reload with another rule for tokens');
is(status_now(), 200, 'the keys are still known');
is($issuer->gets('jwks'), 1, 'and nobody was asked');
ok($nginx->reload(conf => conf('max_size 128k;')), 'reload with another rule for fetching');
is(status_now(), 503, 'starts anew');
$issuer->answer(openid => undef, oauth => undef, jwks => undef);
ok(wait_until(sub { status_now() == 200 }, 10), 'and heals');

# reload during a fetch

$issuer->answer(jwks => { delay => 1 });
ok($nginx->reload(conf => conf('max_size 64k;')), 'reload: a fetch begins');
ok($nginx->reload, 'reload while it is under way');
ok(wait_until(sub { status_now() == 200 }, 5), 'and it is taken up by the new workers');

done_testing();
