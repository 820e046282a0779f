# A token is verified once and remembered as who it is; neither its neighbours nor wrong signatures profit.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep time);

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });
my $issuer = issuer();
my $other  = issuer();

sub run {
    my ($top) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri, OTHER => $other->uri }, conf => <<"EOC");
        $top
        smart_issuer one   { uri %%ISSUER%%; audience https://fhir.example.org/r4; leeway 0; }
        smart_issuer again { uri %%ISSUER%%; audience https://else.example.org/r4; leeway 0; }
        smart_issuer other { uri %%OTHER%%; audience https://fhir.example.org/r4; }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /one   { smart one; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
            location /again { smart again; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
            location /other { smart other; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
            location /both  { smart one other; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
EOC
}

for my $cache ('', 'smart_token_cache off;', 'smart_token_cache 64k;') {
    my $name   = $cache || 'default cache';
    my $nginx  = run($cache);
    my $status = sub { $nginx->get("/$_[0]/Organization/o1", bearer => $_[1])->status };
    my $token  = $issuer->token;

    is($status->('one', $token), 200, "$name: good") for 1, 2;
    is($status->('again', $token), 401, "$name: for another audience it is not");
    is($status->('other', $token), 401, "$name: nor for another issuer");
    is($status->('both', $token), 200, "$name: one of two issuers");
    is($status->('both', $other->token), 200, "$name: the other of two");
    is($status->('one', $other->token), 401, "$name: which is not the first");

    my ($head, $payload, $signature) = split /\./, $token;
    my $forged = substr($signature, 0, -2) . (substr($signature, -2, 1) eq 'A' ? 'B' : 'A') . substr($signature, -1);
    is($status->('one', "$head.$payload.$forged"), 401, "$name: another signature");
    is($status->('one', "$head." . substr($payload, 0, -4) . ".$signature"), 401, "$name: another payload");
    is($status->('one', "$token="), 401, "$name: something behind it");
    is($status->('one', substr($token, 0, -1)), 401, "$name: something less");
    is($status->('one', $token), 200, "$name: it is still good");

    is($status->('one', $issuer->token(sub => "s$_")), 200, "$name: user $_") for 1 .. 60;
    is($status->('one', $token), 200, "$name: after many others");
}

# --- its time is looked at on each use

{
    my $nginx  = run('');
    my $short  = $issuer->token(exp => int(time) + 2);
    my $status = sub { $nginx->get('/one/Organization/o1', bearer => $_[0])->status };

    is($status->($short), 200, 'good for two seconds');
    ok(wait_until(sub { $status->($short) == 401 }, 4), 'then no more');
}

# --- wrong signatures are paid from a budget

{
    my $nginx  = run('smart_verify_budget 5;');
    my $token  = $issuer->token;
    my $status = sub { $nginx->get('/one/Organization/o1', bearer => $_[0])->status };

    is($status->($token), 200, 'a token that becomes known');
    my @forged = map { my $t = $issuer->token(sub => "f$_"); substr($t, 0, -6) . 'AAAAAA' } 1 .. 40;
    my %seen;
    for my $forged (@forged) {
        $seen{ $status->($forged) }++;
        last if $seen{503};
    }
    ok($seen{401} >= 4, 'wrong signatures are refused'); # the first is looked at again with newer keys
    ok($seen{503}, 'beyond the budget they are not even looked at');
    is($status->($token), 200, 'the known token is served');
    ok(wait_until(sub { $status->($issuer->token) == 200 }, 3), 'and a second later new ones');
}

# --- what else costs signature checks: expired tokens each time they are sent, several keys for a token without kid

for my $case ([ 'an expired token' => sub { $issuer->token(exp => int(time) - 600) } ],
    [ 'a token without kid' => sub { $issuer->token(header => { kid => undef }, alg => 'ES256', key => 'p256b') } ]) {
    my ($name, $mint) = @$case;
    my $nginx  = run('smart_verify_budget 5;');
    my $status = sub { $nginx->get('/one/Organization/o1', bearer => $_[0])->status };
    my $token  = $mint->();

    is($status->($issuer->token), 200, "$name: control");
    ok(wait_until(sub { (grep { $status->($token) == 503 } 1 .. 40) > 0 }, 5), "$name: is paid for, too");
}

done_testing();
