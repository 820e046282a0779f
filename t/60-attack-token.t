# Attacks on the life of tokens and keys: no room, other places, other names for one issuer.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep);

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });

sub run {
    my ($issuer, $top, $entries, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, workers => 1, %more, conf => <<"EOC");
        $top
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

# The key set with so many bytes of something else.
sub padded {
    my ($issuer, $bytes, @names) = @_;

    return $issuer->jwks(@names) =~ s/\}$/',"x":"' . 'x' x $bytes . '"}'/er;
}

# --- a key set for whose ETag the zone has no room is a key set; a key that is gone is gone

for my $pages (16 .. 21) {
    my $issuer = issuer(keys => ['rsa']);
    $issuer->answer(jwks => { body => padded($issuer, 12_000, 'rsa') });
    my $nginx = run($issuer, "smart_zone zone=keys:@{[ 4 * $pages ]}k;", 'refresh 1s 1s; stale 1h;');
    my $old   = $issuer->token(key => 'rsa');
    my $new   = $issuer->token(key => 'rsa2');

    is(status_of($nginx, $old), 200, "$pages pages: the first key");
    $issuer->answer(jwks => { body => padded($issuer, 25_000, 'rsa2'), headers => [ETag => '"' . 'e' x 100 . '"'] });
    ok(wait_until(sub { status_of($nginx, $new) == 200 }, 6), "$pages pages: the next one");
    is(status_of($nginx, $old), 401, "$pages pages: instead of the first");
}

# --- an ETag of one place is not sent to another

{
    my $issuer = issuer(keys => ['rsa']);
    my $etag   = [ETag => '"1"'];
    $issuer->answer(jwks => { headers => $etag });
    my $nginx = run($issuer, '', 'refresh 1s 1s;');

    is(status_of($nginx, $issuer->token(key => 'rsa')), 200, 'keys with an ETag');
    my $moved = sub { return grep { $_->target eq '/introspect' } $issuer->requests };
    $issuer->{metadata} = { jwks_uri => $issuer->origin . '/introspect' };
    $issuer->answer(introspect => { headers => $etag, body => $issuer->jwks('rsa2') });
    ok(wait_until(sub { my $n = $moved->(); $n > 1 }, 9), 'the keys are now elsewhere');
    my ($first, $second) = $moved->();
    is($first->header('If-None-Match'), undef, 'and asked for without a condition');
    is($second->header('If-None-Match'), '"1"', 'then with one');
    is(status_of($nginx, $issuer->token(key => 'rsa')), 401, 'the old key is gone');
    is(status_of($nginx, $issuer->token(key => 'rsa2')), 200, 'the new one is good');
}

# --- a file that was emptied takes all keys back

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, '', 'discovery off; jwks_file %%PREFIX%%/keys.json;', files => { 'keys.json' => $issuer->jwks });
    my $token  = $issuer->token;

    is(status_of($nginx, $token), 200, 'a key from a file');
    spew($nginx->prefix . '/keys.json', '{"keys":[{"kty":"oct","k":"AAAA"}]}');
    ok($nginx->wait_log(qr/holds no usable keys/, 4), 'a file of keys that cannot be used is seen');
    is(status_of($nginx, $token), 200, 'and changes nothing');
    spew($nginx->prefix . '/keys.json', '{"keys":[]}');
    ok(wait_until(sub { status_of($nginx, $token) == 401 }, 4), 'an empty set takes the key back, and the token that is known');
    spew($nginx->prefix . '/keys.json', $issuer->jwks);
    ok(wait_until(sub { status_of($nginx, $token) == 200 }, 4), 'until there is one again');
}

# --- another key under the same id, or under none: found by the signature that fails, once per cooldown

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, '', 'cooldown 1s;');
    my $old    = $issuer->token(key => 'rsa');
    my $same   = { header => { kid => $issuer->kid('rsa') } };
    my $forged = substr($old, 0, -8) . 'AAAAAAAA';

    is(status_of($nginx, $old), 200, 'the first key');
    is(status_of($nginx, $forged), 401, 'a wrong signature') for 1 .. 3;
    is($issuer->gets('jwks'), 2, 'asks once');
    $issuer->publish($issuer->jwk('rsa2', kid => $issuer->kid('rsa')));
    ok(wait_until(sub { status_of($nginx, $issuer->token(key => 'rsa2', %$same)) == 200 }, 3), 'another key under the same id');
    is(status_of($nginx, $old), 401, 'takes the place of the first');
    $issuer->publish($issuer->jwk('p256', kid => undef));
    ok(wait_until(sub { status_of($nginx, $issuer->token(key => 'p256', header => { kid => undef })) == 200 }, 3), 'a key without id');
    $issuer->publish($issuer->jwk('p256b', kid => undef));
    ok(wait_until(sub { status_of($nginx, $issuer->token(key => 'p256b', header => { kid => undef })) == 200 }, 3), 'then another');
    $issuer->answer(jwks => { status => 500 });
    $forged = substr($issuer->token(key => 'p256b', header => { kid => undef }), 0, -8) . 'AAAAAAAA';
    sleep 1.1;
    is(status_of($nginx, $forged), 401, 'with the issuer down a wrong signature is still wrong') for 1 .. 2;
}

# --- an id that was asked for in vain, again and again, does not lock out the key that comes

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, '', 'cooldown 1s;');
    my $until  = time + 8;

    while (time < $until) {
        status_of($nginx, $issuer->token(key => 'p256'));
        sleep .2;
    }
    cmp_ok($issuer->gets('jwks'), '<=', 10, 'no more than a fetch for each cooldown');
    $issuer->publish('rsa', 'p256');
    ok(wait_until(sub { status_of($nginx, $issuer->token(key => 'p256')) == 200 }, 2.5), 'the key is good within the cooldown');
}

# --- one iss, two issuers: which audience counts must not hang on what some other location has cached

{
    my $issuers = 'smart_issuer one { uri https://as.example.org; audience https://a.example.org; }'
        . 'smart_issuer two { uri %s; audience https://b.example.org; }'
        . 'server { listen 127.0.0.1:%%%%PORT%%%%; location /r4 { smart one two; proxy_pass http://127.0.0.1:1; } }';

    for my $case (['https://as.example.org', 0], ['https://as.example.org/', 1]) {
        my ($uri, $good) = @$case;
        my ($ok, $output) = Smart::Nginx->check(conf => sprintf $issuers, $uri);
        is($ok ? 1 : 0, $good, "https://as.example.org and $uri in one location") or diag($output);
        like($output, qr/"two" has the same "uri" as another.*nginx\.conf:\d+/, 'the message says why') unless $good;
    }
}

done_testing();
