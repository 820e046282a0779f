# What smart_issuer and its companions refuse, and that they say why.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $issuer = issuer(keys => ['rsa']);
my %files  = (
    'keys.json'  => $issuer->jwks('rsa'),
    'none.json'  => '{"keys":[]}',
    'text.json'  => 'nothing',
    'secret'     => "s3cret\n",
    'empty.secret' => "\n",
    'lines'      => "one\ntwo\n",
    (map { $_ . '.pem' => Smart::Issuer::key($_)->export_key_pem('private') } qw(rsa p384)),
    'empty.pem'  => "no certificate here\n",
    'more.conf'  => "audience https://fhir.example.org/more;\n",
);
my $good = 'uri https://auth.example.org; audience https://fhir.example.org/r4;';

sub check {
    my ($conf) = @_;

    return Smart::Nginx->check(files => \%files, conf => $conf);
}

sub accepted {
    my ($conf, $name) = @_;
    my ($ok, $output) = check($conf);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($ok, $name) || diag $output;
    return $output;
}

sub refused {
    my ($conf, $message, $name) = @_;
    my ($ok, $output) = check($conf);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!$ok, "refused: $name");
    like($output, $message, "with the reason: $name");
    like($output, qr/nginx\.conf:\d+/, "and the place: $name");
}

# An entry in an otherwise good block.
sub entry_accepted { return accepted("smart_issuer x { $good $_[0] }", $_[0]) }
sub entry_refused  { return refused("smart_issuer x { $good $_[0] }", $_[1], $_[0]) }

# --- the block

unlike(accepted("smart_issuer x { $good }", 'two entries are enough'), qr/\[warn\]/, 'and nothing is warned of');
refused("smart_issuer off { $good }", qr/"off" cannot be the name/, 'off');
refused("smart_issuer \$x { $good }", qr/"\$x" cannot be the name/, 'a variable');
refused("smart_issuer x { $good } smart_issuer x { $good }", qr/duplicate smart_issuer "x"/, 'two of one name');
accepted("smart_issuer x { $good } smart_issuer y { $good }", 'two names');
refused('smart_issuer x { audience a; }', qr/smart_issuer "x" has no "uri"/, 'no uri');
refused('smart_issuer x { uri https://a; }', qr/smart_issuer "x" has no "audience"/, 'no audience');
accepted('smart_issuer x { uri https://a; include %%PREFIX%%/more.conf; }', 'include');

# --- URLs

for my $uri ("https://a/#x", qw(auth.example.org ftp://a https://u@a https:// //a)) {
    refused("smart_issuer x { uri \"$uri\"; audience a; }", qr/"uri" "\Q$uri\E" of smart_issuer "x" is not/, "uri $uri");
}
refused('smart_issuer x { uri http://auth.example.org; audience a; }', qr/must be https/, 'http elsewhere');
refused('smart_issuer x { uri http://10.0.0.1; audience a; }', qr/must be https/, 'http in a private network');
accepted("smart_issuer x { uri http://$_; audience a; }", "http $_") for qw(127.0.0.1 localhost:81 [::1]:81/r);
like(accepted('smart_issuer x { uri http://auth.example.org; audience a; insecure_http on; }', 'insecure_http'),
    qr/\[warn\].*insecure_http/, 'is warned of');
entry_refused('jwks_uri http://keys.example.org/;', qr/"jwks_uri" .* must be https/);
entry_refused('discovery smart http://fhir.example.org/r4;', qr/"discovery" .* must be https/);

# --- audience

like(accepted('smart_issuer x { uri https://a; audience off; }', 'audience off'), qr/\[warn\].*"audience off"/, 'is warned of');
entry_refused('audience off;', qr/both "off" and given/);
entry_accepted('audience https://other.example.org https://third.example.org;');

# --- entries

entry_refused('frobnicate on;', qr/unknown entry "frobnicate"/);
entry_refused('uri https://b;', qr/duplicate "uri" in smart_issuer "x"/);
entry_refused('uri;', qr/invalid number of arguments of "uri"|duplicate "uri"/);

entry_accepted("algorithms $_;") for qw(RS256 ES384 EdDSA), 'PS512 RS256';
entry_refused('algorithms HS256;', qr/"HS256" .* is refused: whoever can verify such a token can forge one/);
entry_refused('algorithms none;', qr/"none" .* is refused: such a token is not signed/);
entry_refused('algorithms rs256;', qr/"rs256" .* is not known/);
entry_refused('algorithms ES256K;', qr/"ES256K" .* is not known/);
entry_accepted("typ $_;") for qw(any at+jwt);
entry_refused('typ JWT;', qr/must be any or at\+jwt/);
entry_accepted("leeway $_;") for qw(0 60s 5m);
entry_refused('leeway x;', qr/"leeway" in smart_issuer "x" has an invalid time/);
like(entry_accepted('leeway 1h;'), qr/\[warn\].*"leeway"/, 'a leeway of an hour is warned of');
entry_accepted("max_token_age $_;") for qw(off 1h);
entry_accepted('refresh 1m 1h; stale 0; cooldown 1s; timeout 500ms; max_size 1m;');
entry_refused('refresh 2h 1h;', qr/"refresh" needs/);
entry_refused('refresh 0 1h;', qr/"refresh" needs/);
entry_refused('cooldown 0;', qr/"cooldown" must be/);
entry_refused('timeout 2m;', qr/"timeout" must be/);
entry_refused('max_size 1;', qr/"max_size" must be/);
entry_refused('insecure_http maybe;', qr/must be on or off/);
entry_accepted('discovery oidc;');
entry_accepted('discovery oauth;');
entry_accepted('discovery smart https://fhir.example.org/r4;');
entry_refused('discovery smart;', qr/must be oidc, oauth, smart <fhir base> or off/);
entry_refused('discovery off;', qr/there would be no keys/);
entry_accepted('discovery off; jwks_uri https://auth.example.org/keys;');
entry_accepted('proxy http://user:pass@proxy.example.org:3128;');
entry_refused('proxy proxy.example.org:3128;', qr/must be an http or https URL/);

# --- files

entry_accepted('jwks_file %%PREFIX%%/keys.json;');
entry_refused('jwks_file %%PREFIX%%/lost.json;', qr/"jwks_file" ".*lost\.json" cannot be read/);
entry_refused("jwks_file %%PREFIX%%/$_.json;", qr/is no JWK set with usable public keys/) for qw(none text);
entry_refused('jwks_file %%PREFIX%%/keys.json; jwks_uri https://auth.example.org/keys;', qr/both "jwks_uri" and "jwks_file"/);
entry_accepted('state_file %%PREFIX%%/new.state;');
entry_refused('state_file %%PREFIX%%/lost/new.state;', qr/"state_file" ".*" of smart_issuer "x" needs a directory/);
entry_refused('state_file %%PREFIX%%;', qr/"state_file" ".*" of smart_issuer "x" is no file/);
entry_refused('state_file %%PREFIX%%/new.state; jwks_file %%PREFIX%%/keys.json;', qr/nothing is fetched that could be kept/);
refused("smart_issuer x { $good state_file %%PREFIX%%/s; } smart_issuer y { $good state_file %%PREFIX%%/s; }", qr/"state_file" ".*" of smart_issuer "y" is that of smart_issuer "x"/, 'one file for two');
entry_refused('trusted_certificate %%PREFIX%%/lost.pem;', qr/"trusted_certificate" ".*" cannot be read/);
entry_refused('trusted_certificate %%PREFIX%%/empty.pem;', qr/holds no PEM certificate/);
entry_refused('crl %%PREFIX%%/empty.pem;', qr/holds no PEM revocation list/);

# --- scope_map

entry_accepted('scope_map Fhir.Read system/*.rs user/*.rs; scope_map client_id=robot system/Patient.rs; scope_map client_id=Fhir.Read system/*.r;');
entry_refused('scope_map x;', qr/invalid number of arguments of "scope_map"/);
entry_refused('scope_map x openid;', qr/"openid" in "scope_map" is not a resource scope/);
entry_refused('scope_map x system/*.rx;', qr/"system\/\*\.rx" in "scope_map" has undefined permission letters/);
entry_refused('scope_map client_id= system/*.rs;', qr/needs a value/);
entry_refused('scope_map x system/*.r; scope_map x system/*.s;', qr/given twice for one value/);

# --- introspection

my $basic = 'introspection_auth basic app %%PREFIX%%/secret;';
unlike(entry_accepted($basic), qr/\[warn\]/, 'nothing is warned of');
entry_accepted("introspection $_; $basic") for qw(off opaque always);
entry_accepted("introspection_uri https://auth.example.org/introspect; $basic introspection_cache 1m; introspection_max 4;");
entry_accepted('introspection_auth bearer %%PREFIX%%/secret;');
entry_accepted("introspection_auth private_key_jwt app %%PREFIX%%/$_;") for 'rsa.pem', 'p384.pem', 'rsa.pem RS256', 'p384.pem ES384 kid=k1', 'rsa.pem kid=k1';
like(entry_accepted('introspection opaque;'), qr/\[warn\].*without "introspection_auth"/, 'as nobody');
like(entry_accepted("introspection off; $basic"), qr/\[warn\].*has no effect/, 'credentials for nothing');
like(entry_accepted("$basic introspection_cache 10m;"), qr/\[warn\].*revoked tokens live on/, 'a long memory is warned of');
entry_refused('introspection sometimes;', qr/must be off, opaque or always/);
entry_refused("introspection_auth $_;", qr/must be basic <id> <file>/) for 'basic x', 'bearer', 'private_key_jwt x', 'digest x y';
entry_refused('introspection_auth basic app %%PREFIX%%/lost;', qr/"introspection_auth" of smart_issuer "x": ".*lost" cannot be read/);
entry_refused('introspection_auth basic app %%PREFIX%%/empty.secret;', qr/is empty/);
entry_refused('introspection_auth bearer %%PREFIX%%/lines;', qr/is not one line of visible characters/);
entry_refused('introspection_auth private_key_jwt app %%PREFIX%%/secret;', qr/is no private key in PEM/);
entry_refused('introspection_auth private_key_jwt app %%PREFIX%%/rsa.pem ES384;', qr/is of another type, curve or size/);
entry_refused('introspection_auth private_key_jwt app %%PREFIX%%/rsa.pem HS256;', qr/the algorithm is none of RS256/);
entry_refused('introspection_auth private_key_jwt app %%PREFIX%%/rsa.pem RS256 RS384;', qr/takes one algorithm and one kid/);
entry_refused('introspection_uri http://auth.example.org/introspect;', qr/"introspection_uri" .* must be https/);
entry_refused("$basic introspection_cache 100ms;", qr/"introspection_cache" must be 1s at least/);
entry_refused("$basic introspection_max $_;", qr/must be a number from 1 to 1024/) for 0, 'x', 5000;
entry_refused('introspection opaque; jwks_file %%PREFIX%%/keys.json;', qr/"introspection" needs "introspection_uri"/);
entry_accepted("discovery off; introspection_uri https://auth.example.org/introspect; $basic");
entry_refused("discovery off; introspection always; introspection_uri https://auth.example.org/introspect; $basic", qr/needs keys/);
entry_refused("discovery off; introspection off; introspection_uri https://auth.example.org/introspect; $basic", qr/there would be no keys/);

sub two { return "smart_issuer x { $good $_[0] } smart_issuer y { uri https://y.example.org; audience a; $_[1] } server { location /r4 { smart x y; } }" }
accepted(two($basic, ''), 'one of two introspects');
for my $second ($basic, "introspection always; $basic") {
    my ($ok, $output) = check(two($basic, $second));
    ok(!$ok, 'two that introspect');
    like($output, qr/smart_issuer "y" is the second one here with "introspection".*nginx\.conf:\d+/, 'are refused');
}

# --- claims

entry_accepted('claim patient /ext/patient; claim subject sub; scope_claim scope scp /a~1b/c;');
entry_accepted('patients many; scope_prefix api://x/; scope_separator "-";');
entry_refused('claim patients x;', qr/has an unknown name; known are patient encounter/);
entry_refused('claim patient a; claim patient b;', qr/given twice/);
entry_refused('claim patient /a~2;', qr/invalid claim name or JSON pointer/);
entry_refused('patients some;', qr/must be one or many/);

# --- companions

accepted("smart_zone zone=x:1m; smart_token_cache 1m; smart_verify_budget 10; smart_issuer x { $good }", 'companions');
accepted("smart_token_cache off; smart_issuer x { $good }", 'no token cache');
refused('smart_zone x:1m;', qr/"smart_zone".*zone=<name>:<size>/, 'smart_zone without zone=');
refused('smart_zone zone=x;', qr/"smart_zone".*zone=<name>:<size>/, 'smart_zone without size');
refused('smart_zone zone=x:1k;', qr/"smart_zone".*too small/, 'a small zone');
refused('smart_zone zone=x:1m; smart_zone zone=y:1m;', qr/"smart_zone".*duplicate/, 'two zones');
refused('smart_token_cache x;', qr/"smart_token_cache".*needs a size/, 'a cache without size');
refused('smart_verify_budget 0;', qr/"smart_verify_budget".*1 at least/, 'no budget');

done_testing();
