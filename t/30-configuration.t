# nginx -t says what is wrong, where, and what to write instead (CONFIG); what is right passes.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $issuer = 'smart_issuer hospital { uri https://auth.example.org; audience https://fhir.example.org/r4; }';
my $pass   = 'proxy_pass http://127.0.0.1:1;';

sub server { return "$issuer server { listen 127.0.0.1:%%PORT%%; @_ }" }
sub r4     { return server("location /r4 { smart hospital; @_ $pass }") }

# conf => what the message says
my @bad = (
    server("location /r4 { smart nobody; $pass }") => qr/unknown issuer "nobody".*nginx\.conf:\d+/,
    server("location /r4 { smart hospital policy=none; $pass }") => qr/unknown policy "none".*nginx\.conf:\d+/,
    server("location /r4 { smart; $pass }") => qr/invalid number of arguments in "smart"/,
    server("location /r4 { smart policy=x; $pass }") => qr/needs the name of a "smart_issuer"/,
    server("location /r4 { smart hospital off; $pass }") => qr/either "off" or issuers/,
    server("location /r4 { smart hospital \$arg_x; $pass }") => qr/one variable, or names/,
    server("location /r4 { smart \$arg_x \$arg_y; $pass }") => qr/one variable, or names/,
    server("location /r4 { smart hospital; smart hospital; $pass }") => qr/is duplicate/,
    server("location /r4 { smart hospital policy=a policy=b; $pass }") => qr/one "policy=<name>"/,
    server("location /r4 { smart hospital; if (\$arg_x) { smart off; } $pass }") => qr/"smart" directive is not allowed here/,
    server("location /r4 { smart hospital; limit_except GET { smart off; } $pass }") => qr/"smart" directive is not allowed here/,
    server("location ~ ^/r4 { smart hospital; $pass }") => qr/location "\^\/r4" is not a path.*"smart_base".*"smart off".*nginx\.conf:\d+/,
    server("location \@r4 { smart hospital; $pass }") => qr/location "\@r4" is not a path.*"smart_base"/,
    server("smart hospital; location ~ x { $pass }") => qr/location "x" is not a path/,
    r4('smart_base r4;')        => qr/must be a path that begins with "\/"/,
    r4('smart_base /a//b;')     => qr/must be a plain path/,
    r4('smart_base /a/../b;')   => qr/must be a plain path/,
    r4('smart_base /a%20;')     => qr/must be a plain path/,
    r4('smart_base /a; smart_base /b;') => qr/is duplicate/,
    server('smart_base /a;')    => qr/"smart_base" directive is not allowed here/,
    (map { (r4("smart_base_url https://$_/r4;") => qr/must not be made of "\$\w+", which the client chooses.*map/) }
        '$host', '${host}', '$http_host', '$http_x_forwarded_host', '$arg_x', '$cookie_x', '$uri', '$ssl_server_name'),
    r4('smart_base_url /r4;')   => qr/must be an absolute URL/,
    r4('smart_base_url ftp://x/r4;') => qr/must be an absolute URL/,
    r4('smart_context_header nobody X-Y;') => qr/unknown name "nobody" in "smart_context_header"; it is one of these: patient encounter fhirUser/,
    r4('smart_context_header patient Authorization;') => qr/not one that HTTP uses/,
    r4('smart_context_header patient "X Y";') => qr/letters, digits and "-"/,
    r4('smart_context_header patient X_Y;') => qr/letters, digits and "-"/,
    r4('smart_context_header patient X-A; smart_context_header patient X-B;') => qr/is duplicate/,
    r4('smart_context_header patient X-A; smart_context_header encounter x-a;') => qr/two context headers have the name/,
    r4('smart_context_header patient X-SMART-Encounter;') => qr/two context headers have the name/,
    r4('smart_forward_token on; smart_upstream_authorization x;') => qr/contradict each other.*nginx\.conf:\d+/,
    r4('smart_forward_token maybe;') => qr/it must be "on" or "off"/,
    r4('smart_upstream_authorization file:/nonexistent;') => qr/"\/nonexistent" cannot be read.*No such file/,
    r4('smart_upstream_authorization file:%%PREFIX%%/empty;') => qr/an empty file/,
    r4('smart_upstream_authorization file:%%PREFIX%%/lines;') => qr/not one line/,
    server("smart_secret_file /nonexistent; location /r4 { smart hospital; $pass }") => qr/"\/nonexistent" of "smart_secret_file" cannot be read.*No such file/,
    server("smart_secret_file %%PREFIX%%/lines; location /r4 { smart hospital; $pass }") => qr/"smart_secret_file" is shorter than 32 bytes; make one by "openssl rand/,
    server("smart_secret_file a; smart_secret_file b; location /r4 { smart hospital; $pass }") => qr/"smart_secret_file" .*(?:is duplicate|cannot be read)/,
    r4('smart_secret_file x;')  => qr/"smart_secret_file" directive is not allowed here/,
    r4('smart_upstream_authorization "";') => qr/needs a value/,
    r4('smart_max_token 0;')       => qr/a size of 0/,
    r4('smart_body_buffer 0;')     => qr/a size of 0/,
    r4('smart_response_buffer 0;') => qr/a size of 0/,
    r4('smart_response_max 0;')    => qr/a size of 0/,
    r4('smart_bundle_max 0;')      => qr/a size of 0/,
    r4('smart_preread_max 0;')     => qr/a size of 0/,
    r4('smart_preread_timeout 0;') => qr/a size of 0/,
    r4('smart_max_token x;')       => qr/invalid value/,
    (map { (r4("$_;") => qr/unknown directive/) } 'smart_audit off'),
    r4('smart_dry_run maybe;') => qr/it must be "on" or "off"/,
    r4('smart_bypass $arg_x;') => qr/"smart_bypass" must not be "\$arg_", which the client chooses/,
    r4('smart_bypass yes;')    => qr/"smart_bypass" directive takes variables/,
    r4('smart_bypass $nosuch;') => qr/unknown "nosuch" variable/,
    r4('smart_require tenant;')    => qr/"smart_require" directive takes variables/,
    r4('smart_require $arg_x error=404;') => qr/"smart_require" directive takes variables/,
    r4('smart_require error=403;') => qr/"smart_require" directive needs a variable/,
    r4('smart_require $nosuch;')   => qr/unknown "nosuch" variable/,
    'smart_require $host; ' . r4() => qr/"smart_require" directive is not allowed here/,
    "smart_policy p {\n search_parameter Nope a token code;\n membership strict; } " . r4() => qr/"search_parameter Nope a token code": unknown resource type in policy "p".*nginx\.conf:\d+/,
    "smart_policy p { search_parameter Observation code token code; } " . r4() => qr/"search_parameter Observation code token code": the parameter is defined already/,
    "smart_policy p { search_parameter Observation x nokind code; } " . r4() => qr/unknown kind/,
    "smart_policy p { search_parameter Observation x token code[; } " . r4() => qr/the path cannot be read/,
    "smart_policy p { search_parameter Observation x date code|CodeableConcept; } " . r4() => qr/not compared as that kind/,
    "smart_policy p { search_parameter Observation x token; } " . r4() => qr/takes: <Type> <name> <kind> <path>/,
    (map { (r4("smart_cors $_;") => qr/"smart_cors": ".*" is no origin as browsers send it.*nginx\.conf:\d+/) } 'app.example.org', 'https://app.example.org/', 'https://App.example.org', 'null', 'https://app.example.org:443', '* https://app.example.org', 'https://app.example.org off', 'https://', 'https://a:0', 'https://a:99999'),
    r4('smart_cors off; smart_cors off;') => qr/"smart_cors" directive is duplicate/,
    "smart_policy p { nonsense x; } " . r4() => qr/nonsense.*nginx\.conf:\d+/,
    "smart_policy p { membership loose; } " . r4() => qr/membership/,
    "smart_policy p { membership strict; membership formal; } " . r4() => qr/membership/,
    "smart_policy p { } smart_policy p { } " . r4() => qr/duplicate policy "p"/,
    "smart_policy p { history sometimes; } " . r4() => qr/history/,
    "smart_policy p { smart hospital; } " . r4() => qr/smart/,
);
my @good = (
    r4(),
    server("location /r4 { smart hospital; smart_base /r4; $pass }"),
    server("smart hospital; location /r4 { $pass } location ~ x { smart off; $pass } location \@y { smart_base /y; $pass }"),
    server("location ~ ^/(?<t>[a-z]+)/fhir { smart hospital; smart_base /\$t/fhir; smart_base_url https://x/\$t/fhir; $pass }"),
    server("location /r4 { smart hospital; if (\$arg_x) { $pass } limit_except GET { deny all; } $pass }"),
    server("location /r4 { smart hospital; smart_context_header patient off; smart_context_header encounter X-SMART-Patient; $pass }"),
    server("smart_forward_token on; location /r4 { smart hospital; smart_upstream_authorization x; $pass }"),
    server("smart_upstream_authorization x; location /r4 { smart hospital; smart_forward_token on; $pass }"),
    r4('smart_upstream_authorization file:%%PREFIX%%/line;'),
    r4('smart_upstream_authorization "Bearer $remote_user";'),
    "smart_policy p { membership strict; fhir_version r5; } $issuer server { listen 127.0.0.1:%%PORT%%; location /r4 { smart hospital policy=p; $pass } }",
    "server { listen 127.0.0.1:%%PORT%%; location /r4 { smart later; $pass } } smart_issuer later { uri https://a.example.org; audience x; }",
    "smart hospital; smart_max_token 8k; " . server("location / { smart off; } location /r4 { $pass }"),
    "map \$server_name \$public { default https://x/r4; } " . r4('smart_base_url $public;'),
);
my %files = (empty => "\n", lines => "a\nb\n", line => "Bearer x\n");

while (my ($conf, $message) = splice @bad, 0, 2) {
    my ($ok, $output) = Smart::Nginx->check(conf => $conf, files => \%files);
    my ($shown) = $conf =~ /.*?server \{ listen \S+; (.*) \}$/s;
    ok(!$ok && $output =~ /\[emerg\]/ && $output =~ $message, 'refused: ' . substr $shown || $conf, 0, 90) || diag($output);
}
for my $conf (@good) {
    my ($ok, $output) = Smart::Nginx->check(conf => $conf, files => \%files);
    ok($ok, 'accepted: ' . substr $conf, 0, 60) || diag($output);
    unlike($output, qr/\[(?:warn|emerg|alert)\]/, 'silently') if $ok;
}

done_testing();
