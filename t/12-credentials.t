# Credentials: exactly one bearer token in exactly one header (RULES H2); withheld, forwarded, replaced (F10).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $second = issuer(audience => $base);
my $up     = upstream(qr{Patient/p1$} => { json => { resourceType => 'Patient', id => 'p1' } });
my $nginx  = nginx(
    vars  => { UPSTREAM => $up->port, ISSUER => $issuer->uri, SECOND => $second->uri },
    files => { secret => "Bearer of-a-file\n" },
    conf  => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_issuer clinic   { uri %%SECOND%%; audience $base; }
    large_client_header_buffers 8 64k;
    map \$http_x_which \$which { default none; h hospital; c clinic; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4      { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /forward { smart hospital; smart_forward_token on; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /own     { smart hospital; smart_upstream_authorization "Basic eDp5"; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /file    { smart hospital; smart_upstream_authorization file:%%PREFIX%%/secret; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /small   { smart hospital; smart_max_token 200; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /two     { smart hospital clinic; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /which   { smart \$which; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

my $token = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $path  = '/r4/Patient/p1';

sub with {
    my (@values) = @_;
    return $nginx->get($path, headers => [ map { (Authorization => $_) } @values ]);
}

is(with("Bearer $token")->status, 200, 'control');
is(with("bEaReR $token")->status, 200, 'the scheme in any case');
$up->clear;

outcome_is(with("Basic eDp5"), 401, 'login', 'another scheme');
for my $value ("Bearer  $token", "Bearer\t$token", "Bearer", "Bearer $token $token", "Bearer $token,", "Bearer \"$token\"", "Bearer $token;x", "Bearer =") {
    my $r = with($value);
    my $shown = $value =~ s/\Q$token\E/T/gr;
    outcome_is($r, 400, 'invalid', "refused: $shown");
    header_is($r, 'WWW-Authenticate', 'Bearer error="invalid_request"', "challenge: $shown");
}
for my $values ([ "Bearer $token", "Bearer $token" ], [ "Bearer $token", 'Basic eDp5' ], [ 'Basic eDp5', "Bearer $token" ]) {
    my $r = with(@$values);
    is($r->status, 400, 'two headers');
}
my $r = $nginx->get($path, headers => [ Authorization => "Bearer $token", (map { ("X-Fill-$_" => 1) } 1 .. 40), Authorization => "Bearer $token" ]);
is($r->status, 400, 'two headers in different list parts');

# in the query, in a form, in a cookie
for my $query ("access_token=$token", "access%5Ftoken=$token", "_id=p1&access_token=x", "ACCESS_TOKEN=x") {
    $r = $nginx->get("$path?$query");
    $r = $nginx->get("$path?$query", bearer => $token);
    next if $query =~ /^A/ && $r->status == 403;
    outcome_is($r, 400, 'invalid', 'a token in the query, beside a good header');
    outcome_is($nginx->get("$path?$query"), 400, 'invalid', 'a token in the query alone');
}
my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
outcome_is($nginx->post('/r4/Observation/_search', headers => \@form, body => "access_token=$token"), 401, 'login', 'a token in a form is none');
outcome_is($nginx->post('/r4/Observation/_search', headers => \@form, bearer => $token, body => "access_token=$token"), 400, 'invalid', 'nor beside a good header');
outcome_is($nginx->get($path, headers => [ Cookie => "access_token=$token" ]), 401, 'login', 'nor in a cookie');
upstream_got($up, 0, 'nothing was sent');

# size
is($nginx->get('/small/Patient/p1', bearer => $token)->status, 400, 'smart_max_token');
is($nginx->get($path, bearer => 'x' x 16385)->status, 400, 'over 16 KB');
is($nginx->get($path, bearer => 'x' x 16384)->status, 401, '16 KB is looked at');
upstream_got($up, 0, 'nothing was sent');

# withheld, forwarded, replaced
for my $case ([ '/r4', '' ], [ '/forward', "Bearer $token" ], [ '/own', 'Basic eDp5' ], [ '/file', 'Bearer of-a-file' ]) {
    my ($at, $sent) = @$case;
    is($nginx->get("$at/Patient/p1", bearer => $token)->status, 200, "$at: allowed");
    header_is($up->last, 'Authorization', $sent, "$at: Authorization");
    $up->clear;
    is($nginx->get("$at/Patient/p1", bearer => 'x')->status, 401, "$at: a bad token");
    upstream_got($up, 0, "$at: nothing was sent");
}
$nginx->get('/forward/metadata', bearer => 'unverified');
header_is($up->last, 'Authorization', '', 'a token nobody verified is not forwarded');
$up->clear;

# several issuers, and one chosen by a variable
my $clinical = $second->token(scope => 'patient/*.rs', patient => 'p1');
is($nginx->get('/r4/Patient/p1',  bearer => $clinical)->status, 401, 'another issuer');
is($nginx->get('/two/Patient/p1', bearer => $clinical)->status, 200, 'two issuers: second');
is($nginx->get('/two/Patient/p1', bearer => $token)->status, 200, 'two issuers: first');
is($nginx->get('/which/Patient/p1', bearer => $token, headers => [ 'X-Which' => 'h' ])->status, 200, 'by variable');
is($nginx->get('/which/Patient/p1', bearer => $token, headers => [ 'X-Which' => 'c' ])->status, 401, 'by variable: the other');
$r = $nginx->get('/which/Patient/p1', bearer => $token);
outcome_is($r, 503, 'transient', 'by variable: none');
ok($r->header('Retry-After'), 'Retry-After');

done_testing();
