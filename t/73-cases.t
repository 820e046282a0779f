# The decision table's cases through a real nginx: what the client gets, and what the FHIR server received (t/cases/decide.jsonl, whose manual is
# t/unit/smart_decide_test.c), and cases that only nginx can show (t/cases/nginx.jsonl).
#
# Those of nginx.jsonl have, besides: "location", directives of the location; "context", headers as the FHIR server receives them, null for none
# (%TOKEN% in them is the token); "silent": what no line of ours in the error log may hold; "location" of an answer, and "kept": headers as the client receives them.
#
# All cases are played but those that no server could be asked (see left_out). SMART_CASE=text plays those whose name or request holds the text, and shows what was received.

use strict;
use warnings;
use lib 't/lib';
use File::Temp;
use JSON::PP;
use Smart::Test;

my $base = 'https://fhir.example.org/r4';
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# --- what a reason says, from the one list

my %status = slurp('src/base/base_reason.h') =~ /^\s+X\(BASE_\w+,\s*"(\w+)",\s*(\d+),/mg;
ok(keys %status > 80, 'the reasons are known: ' . keys %status);

# --- the cases

sub cases {
    my ($path) = @_;
    my @cases;
    my $line = 0;

    for my $text (split /\n/, slurp($path)) {
        $line++;
        next if $text !~ /^\{/;
        my $case = $json->decode($text);
        $case->{where} = $path =~ s{.*/}{}r . ":$line";
        push @cases, $case;
    }
    return @cases;
}

# What nginx does not let through to anybody, or what a client of ours cannot say.
sub left_out {
    my ($case) = @_;

    return 'nginx answers TRACE itself' if $case->{request} =~ /^TRACE /;
    return 'nginx refuses the method' if $case->{request} =~ /^[a-z]/;
    return;
}

my @all  = (cases('t/cases/decide.jsonl'), cases('t/cases/nginx.jsonl'));
my @play = grep { !left_out($_) } @all;
@play = grep { index("$_->{name} $_->{request}", $ENV{SMART_CASE}) >= 0 } @play if defined $ENV{SMART_CASE};

# --- one server for each combination of settings

sub quoted { return join ' ', map { /[;{}"'\\#]/ || !length ? do { (my $q = $_) =~ s/(["\\])/\\$1/g; qq("$q") } : $_ } split / /, $_[0] }

sub settings {
    my ($case) = @_;

    # A location that has seen the narrowing ignored shows no total any more (L6).
    my $total = ref $case->{answer} eq 'HASH' && $case->{answer}{type} && exists $case->{answer}{total} ? $case : undef;

    return $json->encode([ $case->{issuer} || [], $case->{many} ? 1 : 0, $case->{policy} || [], $case->{location} || [], $total ]);
}

my (%server, $conf);
for my $case (@play) {
    my $n = keys %server;
    my $key = settings($case);
    next if exists $server{$key};
    $server{$key} = "c$n";
    my $issuer = join ' ', map { quoted($_) . ';' } @{ $case->{issuer} || [] }, $case->{many} ? 'patients many' : ();
    my $policy = join ' ', map { quoted($_) . ';' } @{ $case->{policy} || [] };
    my $location = join ' ', map { "$_;" } @{ $case->{location} || [] };
    $conf .= <<"EOC";
    smart_issuer i$n { uri https://auth.example.org/; audience $base; discovery off; jwks_file %%PREFIX%%/keys.json; $issuer }
    smart_policy p$n { $policy }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name c$n;
        location /r4 {
            smart i$n policy=p$n;
            add_header X-Reason \$smart_reason always;
            $location
            proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir;
        }
    }
EOC
}

# --- the FHIR server: what is stored, to the first who asks for it; then the answer

my $now  = File::Temp->new(TEMPLATE => 'smart-case-XXXXXX', TMPDIR => 1);
my $seen = File::Temp->new(TEMPLATE => 'smart-seen-XXXXXX', TMPDIR => 1);
my $outcome = { resourceType => 'OperationOutcome', issue => [ { severity => 'information', code => 'informational' } ] };

sub bytes {
    my ($value) = @_;

    return defined $value && !ref $value ? do { utf8::encode(my $b = $value); $b } : $json->encode($value);
}

# A resource, or {"status", "type", "etag", "body"}.
sub told {
    my ($what) = @_;
    my $plain = exists $what->{resourceType};
    my $body = $plain ? bytes($what) : defined $what->{body} ? bytes($what->{body}) : '';

    return { status => $plain ? 200 : $what->{status} || 200, body => $body,
        headers => [ $what->{etag} ? (ETag => $what->{etag}) : (), $what->{location} ? (Location => $what->{location}) : (), 'Content-Type' => !$plain && $what->{type} || 'application/fhir+json' ] };
}

# Whether it is a read before judging; @before: what was received before it.
sub is_read {
    my ($case, $request, @before) = @_;
    my ($method, $path) = $case->{request} =~ /^(\S+) ([^?]*)/;
    my $target = substr $request->target, length '/fhir';

    return 0 if $request->method ne 'GET';
    return @before < $case->{reads} if defined $case->{reads};
    return 1 if $method !~ /^(?:GET|HEAD)$/;
    return exists $case->{stored}{$target} && !grep { $_ eq $target } @before;
}

# B11: the same search by the name that the FHIR server has here, which no case can know.
sub is_by_its_own_base { return $_[0]->target =~ m{[?&]location=http%3A%2F%2F127\.0\.0\.1} }

# Its answer leads to where the job's status is, whatever the case says.
sub is_kickoff { return $_[0]{request} =~ /\$export(?:\?|$)/ }

sub serve {
    my ($request) = @_;
    my $case   = $play[ slurp($now->filename) ];
    my @before = split /\n/, slurp($seen->filename);
    return { json => { resourceType => 'Bundle', type => 'searchset' } } if is_by_its_own_base($request);
    my $target = substr $request->target, length '/fhir';

    open my $out, '>>', $seen->filename or die $!;
    print $out "$target\n";
    close $out;
    return { status => 202, headers => [ 'Content-Location' => 'http://' . $request->header('Host') . '/fhir/$status?job=1' ] } if is_kickoff($case);
    return told($case->{answer} || $outcome) if !is_read($case, $request, @before);
    return { status => 404, json => $outcome } if !exists $case->{stored}{$target};
    return told($case->{stored}{$target});
}

my $up     = upstream(qr{^/fhir} => \&serve);
my $issuer = issuer(audience => $base, path => '');
my $nginx  = nginx(vars => { UPSTREAM => $up->port }, files => { 'keys.json' => $issuer->jwks('p256') },
    conf => "large_client_header_buffers 4 32k;\n$conf");
my $client = $nginx->client;

# --- one case

sub token {
    my ($case) = @_;
    my %claims = $case->{claims} ? (scope => undef, %{ $case->{claims} }) : map { $_->[0] => $case->{ $_->[1] } } [ qw(scope scope) ], [ qw(patient patient) ], [ qw(fhirUser user) ];

    return if !$case->{claims} && !exists $case->{scope};
    return $issuer->token(iss => 'https://auth.example.org/', key => 'p256', sub => undef, client_id => undef, %claims);
}

my %spelt = map { lc $_ => $_ } qw(Accept Prefer Content-Type Content-Encoding X-Security-Context If-None-Exist If-Match If-None-Match);

sub ask {
    my ($case, $token) = @_;
    my ($method, $target) = split / /, $case->{request}, 2;
    my $headers = $case->{headers} || {};

    return $client->request($method, "/r4$target", host => $server{ settings($case) }, $token ? (bearer => $token) : (),
        exists $case->{body} ? (body => bytes($case->{body})) : (),
        headers => [ map { ($spelt{$_} || $_) => bytes($headers->{$_}) } sort keys %$headers ]);
}

# Each problem is a text.
sub differs {
    my ($name, $got, $expected) = @_;

    $got = 'none' if !defined $got;
    $expected = 'none' if !defined $expected;
    return $got eq $expected ? () : ("$name: got $got, expected $expected");
}

sub same_json {
    my ($got, $expected) = @_;
    my $read = eval { $json->decode($got) };

    return defined $read && $json->encode($read) eq $json->encode($expected);
}

# What the FHIR server received of the request itself.
sub sent_as {
    my ($case, $sent, $token) = @_;
    my ($method, $path, $query) = $case->{request} =~ /^(\S+) ([^?]*)(?:\?(.*))?$/s;
    my $same = ($case->{obligations} // '') !~ /NARROW|FILTER/;
    my $stated = exists $case->{query} || defined $case->{form} || $case->{sent};
    my @wrong = differs('method', $sent->method, $case->{method} // $method);
    my $headers = $case->{headers} || {};
    my $edits = $case->{sent} || {};

    push @wrong, differs('path', $sent->path, '/fhir' . ($case->{path} // $path)) if defined $case->{path} || $sent->method eq $method;
    push @wrong, differs('query', $sent->query // '', $case->{query} // '') if exists $case->{query};
    push @wrong, differs('query', $sent->query, $query) if !exists $case->{query} && $same && !defined $case->{path};
    push @wrong, 'what it is narrowed to is not stated' if !$same && !$stated;
    for my $name (sort keys %$edits) {
        my $value = defined $edits->{$name} ? length $edits->{$name} ? $edits->{$name} : undef : $headers->{$name};
        push @wrong, differs($name, scalar $sent->header($name), $value);
    }
    for my $name (sort keys %{ $case->{context} || {} }) {
        my $value = $case->{context}{$name};
        $value =~ s/%TOKEN%/$token/ if defined $value;
        push @wrong, differs($name, join(', ', $sent->header_all($name)) || undef, $value);
    }
    return (@wrong, body_as($case, $sent));
}

# A form may be narrowed; a body is what came, or what was stated.
sub body_as {
    my ($case, $sent) = @_;
    my $expected = $case->{form} // $case->{sent_body};

    return if !exists $case->{body};
    if (ref $case->{body} && defined $expected) {
        return same_json($sent->body, $json->decode($expected)) ? () : 'body: ' . $sent->body;
    }
    return differs('body', $sent->body, $expected) if defined $expected;
    return if $case->{request} =~ /_search/ || ($case->{obligations} // '') =~ /BODY/ && $case->{request} =~ m{^POST /(?:\?|$)};
    return differs('body', $sent->body, bytes($case->{body}));
}

# An answer that is not shown: an outcome of our own, without a word of it.
sub withheld {
    my ($case, $answer) = @_;
    my $told = told($case->{answer})->{body};
    my $type = ref $answer->json eq 'HASH' ? $answer->json->{resourceType} : undef;

    return differs('body', $answer->body, '') if $case->{request} =~ /^HEAD /;
    return (differs('withheld', $type, 'OperationOutcome'), map { index($answer->body, $_) >= 0 ? "it says $_" : () } $told =~ /"((?:Patient\/)?p\d)"/g);
}

sub shown_as {
    my ($case, $answer) = @_;
    my $said = is_kickoff($case) ? 202 : $case->{answer} ? told($case->{answer})->{status} : 200;
    my @wrong = differs('status', $answer->status, $case->{shown} // $said);
    my $kept = $case->{kept} || {};

    push @wrong, differs($_, scalar $answer->header($_), $kept->{$_}) for sort keys %$kept;
    return (@wrong, withheld($case, $answer)) if $answer->status >= 400 && $said < 400;
    return @wrong if !exists $case->{shows} || @wrong || $answer->status >= 400;
    return differs('shows', $answer->body, $case->{shows} // '') if !ref $case->{shows};
    return same_json($answer->body, $case->{shows}) ? () : 'shows: ' . $answer->body;
}

sub play {
    my ($n) = @_;
    my $case  = $play[$n];
    my $step  = $case->{step} // 'send';
    my $token = token($case);
    my @wrong;

    $up->clear;
    spew($now->filename, $n);
    spew($seen->filename, '');
    $nginx->mark;
    my $answer = ask($case, $token);
    my @logged = grep { /smart/ } split /\n/, $case->{silent} ? $nginx->log_since_mark : '';
    for my $word (@{ $case->{silent} || [] }) {
        push @wrong, map { "$word is logged: $_" } grep { index($_, $word) >= 0 } @logged;
    }
    my @got = grep { !is_by_its_own_base($_) } $up->requests;
    my $sent = $step eq 'send' ? pop @got : undef;
    push @wrong, differs('received', 'nothing', 'the request') if $step eq 'send' && !$sent;
    push @wrong, differs('reads', scalar @got, $case->{reads}) if defined $case->{reads};
    for my $i (0 .. $#got) {
        my @before = map { substr $_->target, length '/fhir' } @got[ 0 .. $i - 1 ];
        push @wrong, 'received ' . $got[$i]->method . ' ' . $got[$i]->target if !is_read($case, $got[$i], @before);
    }
    if ($step eq 'send') {
        push @wrong, differs('reason', scalar $answer->header('X-Reason'), 'ok') if !$case->{answer} && !$case->{location};
        push @wrong, shown_as($case, $answer), $sent ? sent_as($case, $sent, $token) : ();
    } elsif ($step eq 'refuse') {
        push @wrong, differs('reason', scalar $answer->header('X-Reason'), $case->{reason});
        push @wrong, differs('status', $answer->status, $status{ $case->{reason} });
    } else {
        push @wrong, differs('status', $answer->status, 204);
    }
    ok(!@wrong, "$case->{where}: $case->{request} $case->{name}") || diag(join "\n", @wrong);
    diag(map { $_->raw . "\n" } @got, $sent || (), $answer) if defined $ENV{SMART_CASE};
    return $step;
}

my %played;
$played{ play($_) }++ for 0 .. $#play;
ok($played{send} > 500 && $played{refuse} > 400, "played: $played{send} that are sent, $played{refuse} that are refused") if !defined $ENV{SMART_CASE};
done_testing();
