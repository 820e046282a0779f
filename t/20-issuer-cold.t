# Keys are fetched once for all who wait, at start and after a failure; who cannot wait gets 503, never 401.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep time);

my $conf = <<'EOC';
    smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /open { return 204; }
    }
EOC

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });

sub run {
    my ($issuer, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => $conf, %more);
}

# --- a slow issuer, two workers, twelve requests at once

{
    my $issuer  = issuer()->answer(jwks => { delay => 0.8 });
    my $nginx   = run($issuer, workers => 2);
    my $token   = $issuer->token;
    my @clients = map { $nginx->client } 1 .. 12;

    for my $client (@clients) {
        $client->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
    }
    is($nginx->get('/open')->status, 204, 'a request without a token is answered meanwhile');
    is(join(' ', map { $_->read(method => 'GET')->status } @clients),
        join(' ', (200) x 12), 'all who waited got their answer');
    is($issuer->gets('jwks'), 1, 'by one fetch of the keys');
    is($issuer->gets('openid'), 1, 'and one of the metadata');
    is($nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status, 200, 'another token');
    is($issuer->gets('jwks'), 1, 'asks nobody');
}

# --- slower than a request waits

{
    my $issuer = issuer()->answer(jwks => { delay => 3 });
    my $nginx  = run($issuer);
    my $began  = time;
    my $r      = $nginx->get('/r4/Organization/o1', bearer => $issuer->token);

    outcome_is($r, 503, 'transient', 'no keys within two seconds');
    ok($r->header('Retry-After'), 'and when to come back');
    cmp_ok(time - $began, '>', 1.5, 'it waited');
    ok(wait_until(sub { $nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status == 200 }, 5),
        'the fetch went on and its keys are used');
    is($issuer->gets('jwks'), 1, 'it was the same fetch');
}

# --- down at start

for my $fault ({ status => 500 }, { drop => 1 }, { body => '<html>' }, { status => 204, body => '' }) {
    my $issuer = issuer()->answer(openid => $fault, oauth => $fault);
    my $nginx  = run($issuer);
    my $name   = join ' ', map { "$_=" . ($fault->{$_}) } sort keys %$fault;
    my $r      = $nginx->get('/r4/Organization/o1', bearer => $issuer->token);

    outcome_is($r, 503, 'transient', "$name: 503");
    ok($r->header('Retry-After'), "$name: and when to come back");
    is($nginx->get('/r4/Organization/o1')->status, 401, "$name: no token is still the client's fault");
    is($nginx->get('/r4/Organization/o1', bearer => 'x.y.z')->status, 401, "$name: so is a broken one");
    $issuer->answer(openid => undef, oauth => undef);
    ok(wait_until(sub { $nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status == 200 }, 10),
        "$name: it heals by itself");
}

# --- clients that go away while they wait

{
    my $issuer  = issuer()->answer(jwks => { delay => 1 });
    my $nginx   = run($issuer);
    my $token   = $issuer->token;
    my @clients = map { $nginx->client } 1 .. 6;

    for my $client (@clients) {
        $client->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
    }
    sleep 0.2;
    $_->close for @clients[0 .. 2];
    is(join(' ', map { $_->read(method => 'GET')->status } @clients[3 .. 5]), '200 200 200',
        'the others get their answers');
}

# --- a worker killed while it fetches: another takes over

{
    my $issuer = issuer()->answer(jwks => { delay => 2 });
    my $nginx  = run($issuer, workers => 1, allow => [qr/exited on signal 9/]);

    ok(wait_until(sub { $issuer->gets('jwks') == 1 }, 5), 'a worker is fetching');
    kill 'KILL', $nginx->workers;
    $issuer->answer(jwks => undef);
    ok(wait_until(sub { $nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status == 200 }, 5),
        'its lease ended with it');
}

# --- a graceful exit while a request waits

{
    my $issuer = issuer()->answer(jwks => { delay => 1 });
    my $nginx  = run($issuer);
    my $client = $nginx->client;
    my $token  = $issuer->token;

    $client->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
    ok(wait_until(sub { $issuer->gets('jwks') == 1 }, 5), 'it waits');
    $nginx->signal('QUIT');
    is($client->read(method => 'GET')->status, 200, 'it is served before the worker leaves');
}

done_testing();
