# A token that names an unknown key asks for new keys, once per cooldown; keys that are gone take their cached tokens along.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep);

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });

sub run {
    my ($issuer, $entries, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, %more, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
EOC
}

sub status_of {
    my ($nginx, $token) = @_;

    return $nginx->get('/r4/Organization/o1', bearer => $token)->status;
}

# --- a new key

for my $workers (1, 2) {
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, 'cooldown 2s;', workers => $workers);
    my $old    = $issuer->token(key => 'rsa');
    my $new    = $issuer->token(key => 'rsa2');

    is(status_of($nginx, $old), 200, "$workers: the first key");
    $issuer->publish('rsa', 'rsa2');
    is($issuer->gets('jwks'), 1, "$workers: is known by one fetch");
    is(status_of($nginx, $new), 200, "$workers: a new key is fetched when a token names it");
    is(status_of($nginx, $old), 200, "$workers: the first is still good");
    is($issuer->gets('jwks'), 2, "$workers: by one fetch");

    $issuer->publish('rsa2', 'p256');
    is(status_of($nginx, $issuer->token(key => 'p256')), 401, "$workers: the next new key waits for the cooldown");
    is(status_of($nginx, $issuer->token(key => 'p384')), 401, "$workers: so does any other");
    is($issuer->gets('jwks'), 2, "$workers: nobody is asked meanwhile");
    sleep 2.2;
    is(status_of($nginx, $issuer->token(key => 'p256')), 200, "$workers: after the cooldown it is fetched");
    is($issuer->gets('jwks'), 3, "$workers: by one fetch");
    ok(wait_until(sub { status_of($nginx, $old) == 401 }, 3), "$workers: a key that is gone takes its cached tokens along");
    is(status_of($nginx, $new), 200, "$workers: the key that stayed is good");
}

# --- a key that nobody has

{
    my $issuer  = issuer(keys => ['rsa']);
    my $nginx   = run($issuer, '', workers => 1);
    my @clients = map { $nginx->client } 1 .. 8;

    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'the key is known');
    $issuer->answer(jwks => { delay => 0.5 });
    for my $client (@clients) {
        my $token = $issuer->token(key => 'rsa2', header => { kid => "k$client" });
        $client->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
    }
    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'a known key does not wait');
    is(join(' ', map { $_->read(method => 'GET')->status } @clients), join(' ', (401) x 8),
        'unknown ones are refused');
    is($issuer->gets('jwks'), 2, 'by one fetch for all of them');
}

# --- within the cooldown nobody waits, however slow the issuer is

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, 'cooldown 60s; timeout 20s;');

    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'the key is known');
    is(status_of($nginx, $issuer->token(key => 'rsa2')), 401, 'an unknown one begins the cooldown');
    $issuer->answer(jwks => { delay => 8 });
    my $r = $nginx->get('/r4/Organization/o1', bearer => $issuer->token(key => 'p256'), timeout => 4);
    is($r->status, 401, 'the next one is refused while nothing is fetched');
    is($nginx->get('/r4/Organization/o1', bearer => $issuer->token(key => 'rsa2'), timeout => 4)->status, 401, 'so is the first again');
    is($issuer->gets('jwks'), 2, 'nobody was asked');
    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'the known one is good');

    my $other = issuer(keys => ['rsa'])->answer(jwks => { delay => 8 });
    my $waits = run($other, 'timeout 20s;');
    is($waits->get('/r4/Organization/o1', bearer => $other->token(key => 'rsa'), timeout => 15)->status, 503, 'where something is fetched, one waits, and is told to come back');
}

# --- the issuer is down when asked

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, 'cooldown 1s;');

    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'the key is known');
    $issuer->publish('rsa', 'rsa2');
    $issuer->answer(jwks => { status => 500 });
    is(status_of($nginx, $issuer->token(key => 'rsa2')), 503, 'nobody can say whether the key is good');
    is(status_of($nginx, $issuer->token(key => 'rsa2')), 503, 'nor a moment later');
    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'what is known stays good');
    $issuer->answer(jwks => undef);
    ok(wait_until(sub { status_of($nginx, $issuer->token(key => 'rsa2')) == 200 }, 5), 'it heals');
}

# --- good documents are never replaced by bad ones; an empty set is a revocation

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, 'cooldown 1s;');

    # each time another id: which one is no matter, none is remembered
    my $n       = 0;
    my $unknown = sub { status_of($nginx, $issuer->token(key => 'rsa2', header => { kid => 'k' . $n++ })) };

    is(status_of($nginx, $issuer->token), 200, 'good');
    for my $bad ('{"keys":[{"kty":"oct","k":"AAAA"}]}', '{"keys":7}', '[]', 'x', '{"keys":[]} {}') {
        $issuer->answer(jwks => { body => $bad });
        my $before = $issuer->gets('jwks');
        ok(wait_until(sub { $unknown->(); $issuer->gets('jwks') > $before }, 5), "$bad is fetched");
        is(status_of($nginx, $issuer->token), 200, 'and the good keys stay');
    }
    $issuer->answer(jwks => { body => '{"keys":[]}' });
    ok(wait_until(sub { $unknown->(); status_of($nginx, $issuer->token) == 401 }, 5),
        'no keys: no token is good');
}

done_testing();
