# smart_require: conditions on a verified token, in nginx's variables.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $up = upstream(qr{^GET /} => { json => { resourceType => 'Organization', id => 'o1' } });
my $issuer = issuer();
my $nginx  = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<'EOC');
    smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
    map "$smart_tenant:$tenant" $same_tenant { "~^(.+):\1$" 1; }
    map $smart_client_id $alive { default 1; killed 0; }
    map $alive $alive_too { 1 yes; default ""; }
    limit_req_zone $alive_too zone=early:64k rate=1000r/s;
    server {
        listen 127.0.0.1:%%PORT%%;
        limit_req zone=early burst=1000;
        smart_require $alive_too error=403;
        location ~ ^/(?<tenant>\w+)/r4 {
            smart hospital;
            smart_base /$tenant/r4;
            smart_require $same_tenant;
            smart_require $alive_too error=403;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%;
        }
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /set { smart hospital; set $open $http_x_open; smart_require $open error=403; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

sub ask {
    my ($path, %claims) = @_;

    return $nginx->get("$path/Organization/o1", bearer => $issuer->token(%claims));
}

is(ask('/a/r4', tenant => 'a')->status, 200, 'the tenant of the path');
my $r = ask('/b/r4', tenant => 'a');
outcome_is($r, 401, 'login', "another tenant's path");
like($r->header('WWW-Authenticate'), qr/error="invalid_token"/, 'with the challenge');
is(ask('/a/r4')->status, 401, 'no tenant at all');
is(ask('/a/r4', tenant => '')->status, 401, 'an empty one');
is($nginx->get('/a/r4/Organization/o1')->status, 401, 'no token');
is($nginx->get('/a/r4/metadata')->status, 200, 'what needs no token is not asked');

is(ask('/r4')->status, 200, 'inherited from the server: a client that is alive');
$up->clear;
$r = ask('/r4', client_id => 'killed');
outcome_is($r, 403, 'forbidden', 'and one that was killed, though its map was looked at before the token was known');
my $token = $issuer->token(client_id => 'killed');
is($nginx->get('/r4/Organization/o1', bearer => $token)->status, 403, "killed, time $_") for 1, 2;
is(ask('/a/r4', tenant => 'a', client_id => 'killed')->status, 403, 'each of several');
is(ask('/b/r4', tenant => 'a', client_id => 'killed')->status, 401, 'the first that is not met says which');

upstream_got($up, 0, 'nothing of that was sent');
is($nginx->get('/set/Organization/o1', bearer => $issuer->token, headers => ['X-Open' => 1])->status, 200, 'a variable that was set');
is($nginx->get('/set/Organization/o1', bearer => $issuer->token)->status, 403, 'a variable that was set empty');
is($nginx->get('/a/r4/Organization/o1?tenant=a', bearer => $issuer->token)->status, 401, 'a query changes nothing');
done_testing();
