# smartctl (tokens, keys, explanations): what it prints, what it answers, and that its tokens verify.

use strict;
use warnings;
use Crypt::JWT qw(decode_jwt);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $ctl = ($ENV{SMART_BUILD} // 'build') . '/smartctl';
plan skip_all => "$ctl is not built" unless -x $ctl;
my $dir = tempdir(CLEANUP => 1);

# Runs smartctl: exit code, standard output, standard error.
sub ctl {
    my @args = @_;
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        exec $ctl, @args or die "exec: $!";
    }
    waitpid $pid, 0;
    my $code = $? >> 8;
    return ($code, map { local (@ARGV, $/) = ("$dir/$_"); <> // '' } qw(out err));
}

sub slurp { local (@ARGV, $/) = @_; return <> }

sub spew {
    my ($name, $text) = @_;
    open my $file, '>', "$dir/$name" or die;
    print $file $text;
    close $file;
    return "$dir/$name";
}

# keys and tokens
for my $alg (qw(RS256 RS384 RS512 ES256 ES384 ES512)) {
    my ($code, $kid) = ctl('keys', '--alg', $alg, '--key', "$dir/$alg.pem", '--jwks', "$dir/jwks");
    chomp $kid;
    is $code, 0, "$alg: a key pair";
    is((stat "$dir/$alg.pem")[2] & 0777, 0600, "$alg: the private key is the owner's alone");
    ($code, my $token) = ctl('token', '--key', "$dir/$alg.pem", '--alg', $alg, '--kid', $kid,
        '--iss', 'https://as', '--aud', 'a', '--aud', 'b', '--scope', 'patient/*.rs',
        '--patient=p1', '--fhir-user', 'Practitioner/1', '--claim', 'x={"y":[1,null]}');
    chomp $token;
    is $code, 0, "$alg: a token";
    my $claims = eval {
        decode_jwt(token => $token, kid_keys => decode_json(slurp("$dir/jwks")),
            accepted_alg => $alg, verify_exp => 1);
    };
    is $@, '', "$alg: verifies by the key set";
    is_deeply $claims->{aud}, ['a', 'b'], "$alg: audiences";
    is "$claims->{scope} $claims->{patient} $claims->{fhirUser}", 'patient/*.rs p1 Practitioner/1',
        "$alg: claims";
    is_deeply $claims->{x}, { y => [1, undef] }, "$alg: a claim as JSON";
    is $claims->{exp} - $claims->{iat}, 300, "$alg: five minutes";
}
is scalar @{ decode_json(slurp("$dir/jwks"))->{keys} }, 6, 'one set of six keys';
is((ctl('keys', '--key', "$dir/RS256.pem", '--jwks', "$dir/jwks2"))[0], 1, 'no key over another');
is((ctl('keys', '--alg', 'PS256', '--key', "$dir/ps.pem", '--jwks', "$dir/jwks"))[0], 0, 'PS256 keys');
is((ctl('keys', '--alg', 'EdDSA', '--key', "$dir/ed.pem", '--jwks', "$dir/jwks"))[0], 0, 'EdDSA keys');
is((ctl('token', '--key', "$dir/ed.pem"))[0], 2, 'but no EdDSA token: libjwt knows none');
is((ctl('keys', '--alg', 'HS256', '--key', "$dir/h", '--jwks', "$dir/h"))[0], 2, 'no symmetric key');
my (undef, $token) = ctl('token', '--key', "$dir/ES384.pem", '--expires-in', '-10', '--claim', 'iat=null');
my $claims = decode_jwt(token => $token =~ s/\s+\z//r, ignore_signature => 1, verify_exp => 0);
ok $claims->{exp} < time && !exists $claims->{iat}, 'an expired token, and a claim taken out';
like $token, qr/^eyJhbGciOiJFUzM4NCI/, 'the algorithm is the curve\'s';
for my $args (['token'], ['token', '--key', '/nonexistent'], ['token', '--key'], ['token', '--nope', 'x'],
    ['token', '--key', "$dir/ES384.pem", '--alg', 'RS256x'], ['token', '--key', "$dir/ES384.pem", 'more'],
    ['token', '--key', "$dir/ES384.pem", '--claim', 'x={'], ['keys'], ['nothing'], [])
{
    my ($code, $out, $err) = ctl(@$args);
    ok $code == 2 && $out eq '' && $err ne '', "wrong usage: @$args";
}
is((ctl('token', '--key', "$dir/ES384.pem", '--alg', 'RS256'))[0], 1, 'a key of another kind does not sign');
is((ctl('help'))[0], 0, 'help');

# explain
my @observation = ('--scope', 'patient/Observation.rs', '--patient', 'p1');
my ($code, $out) = ctl('explain', @observation, 'GET', '/Observation?code=x');
is $code, 0, 'allowed: exit code 0';
like $out, qr{^allowed \(L5\): search-type Observation with NARROW RESPONSE$}m, 'the decision and its rule';
like $out, qr{^sends\s+GET /Observation\?code=x&patient=p1$}m, 'what is appended';
like $out, qr{^checks\s+each match is of Observation that belongs to Patient/p1 \(strict}m, 'what is checked';
($code, $out) = ctl('explain', @observation, 'GET', '/Condition?code=x');
is $code, 1, 'refused: exit code 1';
like $out, qr{^refused scope_missing \(B1\): search-type Condition needs patient/Condition\.s$}m, 'the missing scope';
like $out, qr{^answers\s+403 }m, 'the status';
($code, $out) = ctl('explain', '--scope', 'patient/Observation.rs patient/Foo.r', '--patient', 'p1', 'GET', '/Condition/1');
like $out, qr{^void\s+patient/Foo\.r names a type unknown}m, 'void scopes';
my $policy = spew('policy', "# ours\nsmart_policy strict {\n  membership strict;\n  hide_existence off;\n}\n");
(undef, $out) = ctl('explain', @observation, '--policy', $policy, 'GET', '/Observation/1');
like $out, qr{\(strict membership\); else 403$}m, 'a policy';
is((ctl('explain', '--policy', spew('bad', 'membership lax;'), 'GET', '/metadata'))[0], 2, 'a wrong policy');
my $ward = spew('ward', qq(fhir_version r4;\nsearch_parameter Observation ward token "extension[]{url=http://example.org/ward}.valueCode|code";\n));
is((ctl('explain', '--policy', $ward, '--scope', 'patient/Observation.s?ward=a', '--patient', 'p1', 'GET', '/Observation'))[0], 0, "a parameter of the server's own");
is((ctl('explain', '--scope', 'patient/Observation.s?ward=a', '--patient', 'p1', 'GET', '/Observation'))[0], 1, '... which else nobody knows');
($code, undef, my $said) = ctl('explain', '--policy', spew('ward2', "membership strict;\n# more\nsearch_parameter Observation ward token\n  'code[';\n"), 'GET', '/metadata');
is($code, 2, 'a parameter with a path that is none');
like($said, qr{ward2:4: "search_parameter Observation ward token code\["}, '... is named, with its line');
is((ctl('explain', '--policy', spew('maybe', 'binary maybe;'), 'GET', '/metadata'))[0], 2, 'a choice that there is not');
is((ctl('explain', '--policy', spew('open', 'membership strict'), 'GET', '/metadata'))[0], 2, 'a policy that does not end');
is((ctl('explain', '--version', 'r5', '--scope', 'system/*.rs', 'GET', '/ActorDefinition/1'))[0], 0, 'R5');
is((ctl('explain', '--scope', 'system/*.rs', 'GET', '/ActorDefinition/1'))[0], 1, 'R4');
is((ctl('explain', '--claims', spew('claims', '{"scope":"system/*.rs"}'), 'GET', '/Patient/1'))[0], 0, 'claims of a file');
is((ctl('explain', '--claims', spew('broken', '{"scope":"system/*.rs"'), 'GET', '/Patient/1'))[0], 2, 'broken claims');
my $form = spew('form', 'patient=p2');
is((ctl('explain', @observation, '--content-type', 'application/x-www-form-urlencoded', '--body', $form, 'POST', '/Observation/_search'))[0], 1, 'a form');
is((ctl('explain', 'GET', '/metadata'))[0], 0, 'public');
is((ctl('explain', 'GET'))[0], 2, 'no path');

# a table of cases, for an operator's policy under test
my $cases = spew('cases', <<'EOC');
# what the gateway must do
{"name":"own","request":"GET /Observation?code=x","scope":"patient/Observation.rs","patient":"p1","reason":"ok"}
{"name":"other","request":"GET /Condition/1","scope":"patient/Observation.rs","patient":"p1","reason":"scope_missing"}
EOC
my ($exit, $table) = ctl('explain', '--cases', $cases);
is($exit, 0, 'cases that are as they say');
like($table, qr/^as said  allowed  L5   NARROW RESPONSE\s+GET \/Observation\?code=x  # own$/m, 'allowed');
like($table, qr/^as said  refused  B1   scope_missing\s+GET \/Condition\/1  # other$/m, 'refused');
($exit, $table) = ctl('explain', '--cases', spew('wrong', '{"request":"GET /Condition/1","scope":"system/*.rs","reason":"scope_missing"}' . "\n"));
is($exit, 1, 'one that is not');
like($table, qr/^WRONG/, 'is shown');

# a resource as it is, and headers in any case
($exit, $table) = ctl('explain', '--cases', spew('body', '{"request":"POST /Observation","scope":"patient/Observation.c","patient":"p1","headers":{"Content-Type":"application/fhir+json"},'
    . '"body":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}},"reason":"ok"}' . "\n"));
is($exit, 0, 'a body that is a resource');

# what is no case says why, and where
for my $broken (
    ['{"request":"GET /Patient/1"',                                  qr/:1: .+, at column \d+$/m],
    ['["GET /Patient/1"]',                                           qr/:1 is no JSON object$/m],
    ['{"scope":"system/*.rs"}',                                      qr{:1: no "request" like "GET /Patient/1"$}m],
    ['{"request":"/Patient/1"}',                                     qr{:1: no "request" like}],
    ['{"request":"GET /Patient/1","scopes":"system/*.rs"}',          qr/:1: unknown member "scopes"$/m],
    ['{"request":"GET /Patient/1","scope":["system/*.rs"]}',         qr/:1: "scope" must be a string$/m],
    ['{"request":"GET /Patient/1","headers":{"If-Match":"W/1"}}',    qr/:1: header "If-Match" decides nothing; those that do: accept, content-type, if-none-exist, prefer$/m],
    ['{"request":"GET /Patient/1","headers":{"Accept":1}}',          qr/:1: header "Accept" must be a string$/m],
  )
{
    my ($line, $said) = @$broken;
    ($exit, undef, my $error) = ctl('explain', '--cases', spew('broken', "$line\n"));
    is($exit, 2, "no case: $line");
    like($error, $said, 'and why');
}

# every entry of a policy can be tried out: what it changes of what is said
my @anna  = ('--scope', 'patient/*.cruds', '--patient', 'p1');
my @json  = ('--content-type', 'application/fhir+json', '--body');
my $batch = spew('batch', '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Group/1"}},{"request":{"method":"GET","url":"Observation/1"}}]}');
my $theirs = spew('theirs', '{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/p2"}}');
my %entry = (
    fhir_version       => [ 'r5', '--scope', 'system/*.rs', 'GET', '/ActorDefinition/1' ],
    membership         => [ 'strict', @anna, 'GET', '/Observation/1' ],
    user_patient       => [ 'pass', '--scope', 'user/*.rs', '--fhir-user', 'Patient/p1', 'GET', '/Observation' ],
    user_unknown       => [ 'pass', '--scope', 'user/*.rs', 'GET', '/Observation' ],
    user_context       => [ 'confine', '--scope', 'user/*.rs', '--fhir-user', 'Practitioner/1', '--patient', 'p1', 'GET', '/Observation' ],
    group              => [ 'allow', @anna, 'GET', '/Group/1' ],
    linked_patients    => [ 'allow', @anna, 'GET', '/Patient/p2' ],
    shared_types       => [ '-Organization', @anna, 'GET', '/Organization/1' ],
    hide_existence     => [ 'off', @anna, 'GET', '/Observation/1' ],
    history            => [ 'own', @anna, 'GET', '/Observation/1/_history/2' ],
    binary             => [ 'deny', @anna, 'GET', '/Binary/1' ],
    include            => [ 'refuse', '--scope', 'patient/Observation.rs', '--patient', 'p1', 'GET', '/Observation?_include=Observation:subject' ],
    batch              => [ 'refuse', @anna, @json, $batch, 'POST', '/' ],
    update_create      => [ 'off', @anna, @json, $theirs, 'PUT', '/Observation/1' ],
    export_group_scope => [ 'ignore', '--scope', 'system/Patient.rs', '--client-id', 'c', 'GET', '/Group/g/$export' ],
    operation          => [ '$score Patient type T.rs', '--scope', 'system/Patient.rs', 'GET', '/Patient/$score' ],
    search_parameter   => [ 'Observation ward token "extension[]{url=http://example.org/ward}.valueCode|code"', '--scope', 'patient/Observation.s?ward=a', '--patient', 'p1', 'GET', '/Observation' ],
    page_parameter     => [ 'cursor', '--scope', 'system/Observation.rs', 'GET', '/Observation?cursor=1' ],
    ceiling            => [ 'patient/Observation.rs', @anna, 'GET', '/Condition' ],
    public             => [ 'ValueSet', 'GET', '/ValueSet' ],
);
# of these nothing is known before an answer comes, or what is stored
my %later = (suppressed_outcome => 'on', unversioned => 'allow');
my @entries = slurp('src/smart/smart_policy.c') =~ /^    (?:CHOICE\(|\{\{)"(\w+)", "/mg;
is("@{[ sort keys %entry, keys %later ]}", "@{[ sort @entries ]}", 'every entry of a policy is tried');
for my $name (sort keys %entry) {
    my ($value, @asked) = @{ $entry{$name} };
    my ($before, $without) = ctl('explain', @asked);
    my ($after, $with) = ctl('explain', '--policy', spew('entry', "$name $value;\n"), @asked);
    isnt("$after $with", "$before $without", "$name $value: makes a difference");
    ok($before < 2 && $after < 2, "... and is understood");
}
is((ctl('explain', '--policy', spew('entry', "$_ $later{$_};\n"), @anna, 'GET', '/Observation'))[0], 0, "$_ is understood") for sort keys %later;

# what is said of each kind of answer
for my $case (
    [ qr/^checks\s+the answer is this Observation that belongs to Patient\/p1 .*; else 404$/m, @anna, 'GET', '/Observation/1' ],
    [ qr/^checks\s+each match is of Observation .*; else it is taken out$/m, @anna, 'GET', '/Observation' ],
    [ qr/^checks\s+each entry may be read or searched; else it is taken out$/m, @anna, 'GET', '/?_getpages=x' ],
    [ qr/^checks\s+each resource may be read or searched; else/m, @anna, 'GET', '/Patient/p1/$everything' ],
    [ qr/^checks\s+each entry of the answer by its request; else it is replaced$/m, @anna, @json, $batch, 'POST', '/' ],
    [ qr/^checks\s+the job's status is behind a sealed link/m, '--scope', 'system/*.rs', '--client-id', 'c', 'GET', '/$export' ],
    [ qr/^reads\s+GET \/Observation\/1, and goes by what is there$/m, @anna, 'DELETE', '/Observation/1' ],
    [ qr/^reads\s+GET \/Observation\/1, and/m, @anna, 'GET', '/Observation/1/_history' ],
    [ qr/^reads\s+GET \/DocumentReference\?patient=p1&location=/m, @anna, 'GET', '/Binary/1' ],
    [ qr/^body\s+\{"resourceType":"Bundle"/m, @anna, @json, $batch, 'POST', '/' ],
) {
    my ($line, @asked) = @$case;
    like((ctl('explain', @asked))[1], $line, "@asked[-2, -1]");
}

done_testing;
