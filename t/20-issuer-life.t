# Documents are fetched again in time, kept while the issuer is down, and given up when they are too old.

use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use Smart::Test;
use Time::HiRes qw(sleep time);

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });

sub run {
    my ($issuer, $entries, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, %more, conf => <<"EOC");
        smart_zone zone=keys:64k;
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

sub jwks_requests { return grep { $_->target eq '/jwks' } $_[0]->requests }

# --- in time, with an ETag; 304 keeps what there is

{
    my $issuer = issuer()->answer(jwks => { headers => [ETag => '"one"'] });
    my $nginx  = run($issuer, 'refresh 1s 1s; stale 1s;', workers => 2);

    is(status_of($nginx, $issuer->token), 200, 'good');
    ok(wait_until(sub { jwks_requests($issuer) >= 2 }, 5), 'the keys are fetched again without being asked for');
    my ($first, $second) = jwks_requests($issuer);
    is($first->header('If-None-Match'), undef, 'at first without a condition');
    is($second->header('If-None-Match'), '"one"', 'then with the ETag');
    is($second->header('Accept-Encoding'), undef, 'nothing is to be compressed');
    $issuer->answer(jwks => { status => 304, body => '' });
    sleep 4;
    is(status_of($nginx, $issuer->token), 200, '304 keeps them beyond their time');
    my $n = jwks_requests($issuer);
    cmp_ok($n, '>=', 4, 'they were asked for');
    cmp_ok($n, '<=', 12, "and not too often: $n");
}

# --- 304 without a condition is no answer

{
    my $issuer = issuer()->answer(jwks => { status => 304, body => '' });
    my $nginx  = run($issuer, '');

    is(status_of($nginx, $issuer->token), 503, '304 to the first fetch is refused');
}

# --- an outage: stale for a while, then not at all, then healed

{
    my $issuer = issuer();
    my $nginx  = run($issuer, 'refresh 1s 1s; stale 3s;');
    my $token  = $issuer->token;

    is(status_of($nginx, $token), 200, 'good');
    $issuer->answer(openid => { drop => 1 }, oauth => { drop => 1 }, jwks => { drop => 1 });
    sleep 2;
    is(status_of($nginx, $token), 200, 'a known token while the issuer is down');
    is(status_of($nginx, $issuer->token), 200, 'a new token, too');
    ok(wait_until(sub { status_of($nginx, $issuer->token) == 503 }, 8), 'too old: new tokens get 503');
    is(status_of($nginx, $token), 503, 'and so do known ones');
    $issuer->answer(openid => undef, oauth => undef, jwks => undef);
    ok(wait_until(sub { status_of($nginx, $token) == 200 }, 15), 'it heals');
}

# --- the keys' place changes

{
    my $issuer = issuer();
    my $nginx  = run($issuer, 'refresh 1s 1s; stale 1h;');

    is(status_of($nginx, $issuer->token), 200, 'good');
    $issuer->{metadata} = { jwks_uri => $issuer->origin . '/moved' };
    $issuer->answer(jwks => { status => 404 });
    ok(wait_until(sub { grep { $_->target eq '/moved' } $issuer->requests }, 15), 'metadata is asked where they are now');
}

# --- no room

{
    my $issuer = issuer();
    my $huge   = $issuer->jwks;

    $huge =~ s/\}$/', "x":"' . 'x' x 90_000 . '"}'/e;
    $issuer->answer(jwks => { body => $huge =~ s/, "x"/,"x"/r });
    my $nginx = run($issuer, '');

    is(status_of($nginx, $issuer->token), 503, 'a document that the zone has no room for');
    like($nginx->log, qr/no_memory/, 'is said in the log');
    $issuer->answer(jwks => undef);
    ok(wait_until(sub { status_of($nginx, $issuer->token) == 200 }, 10), 'a smaller one heals it');
}

# --- an issuer that does not even accept: the connection times out half made, and nginx's sockets are left alone

{
    my $full   = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "listen: $!";
    my @filled = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 8;
    my $nginx  = nginx(vars => { UPSTREAM => $up->port, FULL => $full->sockport }, conf => <<'EOC');
        smart_issuer hung { uri http://127.0.0.1:%%FULL%%; audience a; timeout 300ms; }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hung; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
EOC
    my $token  = issuer()->token(iss => 'http://127.0.0.1:' . $full->sockport, aud => 'a');
    my $client = $nginx->client;

    for my $n (1 .. 20) {
        my $status = $client->get('/r4/Organization/o1', bearer => $token)->status;
        is($status, 503, "no connection, $n") if $n % 5 == 0 || $status != 503;
        sleep 0.15;
    }
    like($nginx->log, qr/Timeout was reached/, 'the log says why');
}

done_testing();
