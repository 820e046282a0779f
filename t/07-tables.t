# Every row of docs/rules.md J (what Inferno asks of a resource server) and of the worked table of L has its cases: in t/cases, or, where a case cannot say it, in a t/*.t.
# A case cites a row in its name: "(J g10_patient_context)", "(worked 3)"; a test of J in a text of its own.

use strict;
use warnings;
use lib 't/lib';
use JSON::PP;
use Smart::Test;

my @cases = map { decode_json($_) } grep { /^\{/ } map { split /\n/, slurp("t/cases/$_.jsonl") } qw(decide nginx);
my $rules = slurp('docs/rules.md');

# The rows of the table behind a heading or a line.
sub rows {
    my ($text, $after) = @_;
    my ($table) = $text =~ /$after.*?\n((?:\|[^\n]*\n)+)/s or return;
    my (undef, undef, @rows) = split /\n/, $table;

    return map { [ map { ($_ // '') =~ s/^\s+|\s+$//gr } (split /\|(?![^(]*\))/)[ 1 .. 3 ] ] } @rows;
}

sub refused { my ($case) = @_; return ($case->{step} // 'send') eq 'refuse' || ($case->{shown} // 0) >= 400 ? 1 : 0 }

# --- J

# What no request to a resource server decides, or what is not there yet, and why. An entry that is cited all the same is a failure: the list only shrinks.
my %apart = (
    g10_smart_granular_scope_selection  => 'the authorisation server offers scopes',
    'backend_services_*'                => 'the authorisation server issues tokens',
    'TLS tests'                         => 'nginx ends TLS',
    'well_known_capabilities_stu2(_2)'  => 'the document is the FHIR server\'s as yet',
    g10_smart_well_known_capabilities   => 'the document is the FHIR server\'s as yet',
);

# What must be among the cases of a row: requests that pass and requests that do not.
my %poses = (
    g10_unauthorized_access      => { refused => [ qr{^GET /Patient/} ] },
    g10_patient_context          => { allowed => [ qr{^GET /Patient/p1$} ], refused => [ qr{^GET /Patient/} ] },
    g10_encounter_context        => { allowed => [ qr{^GET /Encounter/e1$} ], refused => [ qr{^GET /Encounter/} ] },
    g10_patient_scope            => { allowed => [ qr{^GET /Patient/p1$}, qr{^GET /Patient\?_id=p1$} ], refused => [ qr{^GET /Patient\?} ] },
    g10_limited_scope_grant      => { allowed => [ qr{\?patient=p1$} ], refused => [ qr{\?patient=p1$} ] },
    g10_smart_fine_grained_scopes => { allowed => [ qr{^GET /Observation/}, qr{^GET /Observation\?.*category=}, qr{^GET /Condition\?|^GET /Condition$} ], refused => [ qr{^GET /Observation/}, qr{\?} ] },
    g10_smart_v1_scopes          => { allowed => [ qr{^GET /\w+/\d$}, qr{^GET /\w+\?} ], refused => [ qr{^(?:PUT|POST|DELETE) } ] },
    smart_openid_fhir_user_claim => { allowed => [ qr{^GET /Patient/}, qr{^GET /Practitioner/} ], refused => [ qr{^GET /Practitioner/} ] },
    well_known_endpoint          => { allowed => [ qr{^GET /\.well-known/smart-configuration$} ] },
    # what follows a kick-off is behind links that no table can hold: t/86-export.t
    'bulk_data_*'                => { allowed => [ qr{^GET /\$export}, qr{^GET /Patient/\$export}, qr{^GET /Group/\w+/\$export} ], refused => [ qr{^GET /\$export}, qr{^GET /Patient/\$export\?_outputFormat=}, qr{^GET /Group/\w+/\$export\?_since=} ] },
    'US Core'                    => {
        allowed => [ qr{^GET /\w+\?patient=}, qr{^POST /\w+/_search$}, qr{_include=MedicationRequest:medication}, qr{_revinclude=Provenance:target}, qr{^GET /Observation/1$},
            qr{/_history/1$}, qr{/_history$}, qr{^GET /Practitioner/}, qr{^GET /Organization/}, qr{^GET /Location/}, qr{^GET /Device\?patient=} ],
        refused => [ qr{^GET /Observation/} ],
    },
);

my @j = rows($rules, qr/^## J\. /m);
ok(@j >= 19, 'J has rows: ' . @j);

# The tests that a row names; US Core and TLS have no other name.
my (%ids, @types);
for my $row (@j) {
    my $text = $row->[0];
    @types = grep { /^[A-Z]/ && !/^(?:USCDI)$/ } $text =~ /\b([A-Z][A-Za-z]+)\b/g if $text =~ /unrestricted_access/;
    $ids{$_} = 1 for $text =~ /(?:^|, |\()((?:\w+_)[\w*]+(?:\(_2\))?)/g;
    $ids{'US Core'} = 1   if $text =~ /^US Core/;
    $ids{'TLS tests'} = 1 if $text =~ /^TLS/;
}
ok(@types >= 17, "types that are searched with and without a grant: @types");

# A type at a time: by patient, and Patient itself by _id.
for my $type (@types) {
    my $by = $type eq 'Patient' ? qr{^GET /Patient\?_id=p1$} : qr{^GET /$type\?patient=p1$};
    push @{ $poses{'g10_*_unrestricted_access'}{allowed} }, $by;
    push @{ $poses{'g10_*_restricted_access'}{refused} }, $by;
}

my %tests;
for my $path (grep { !/07-tables/ } glob 't/*.t') {
    my $text = slurp($path);
    $tests{$_} = 1 for grep { $text =~ /\(J [^)]*\Q$_\E[,)]/ } keys %ids;
}

for my $id (sort keys %ids) {
    my @of = grep { $_->{name} =~ /\(J [^)]*\Q$id\E[,)]/ } @cases;
    if ($apart{$id}) {
        ok(!@of && !$tests{$id}, "J $id: not posed, since $apart{$id}") || diag("$id is cited: take it off the list");
        next;
    }
    ok(@of || $tests{$id}, "J $id is posed") || diag("$id has no case and no test");
    my $sides = $poses{$id} || {};
    for my $side (sort keys %$sides) {
        for my $request (@{ $sides->{$side} }) {
            ok((grep { refused($_) == ($side eq 'refused') && $_->{request} =~ $request } @of), "J $id: $request, $side");
        }
    }
}
ok($ids{$_}, "J still has $_") for sort keys %poses, keys %apart;

# --- L, the worked table

my @worked = rows($rules, qr/^Worked, with patient=P/m);
is(scalar @worked, 10, 'L has its worked rows');
my $before = '';
for my $n (1 .. @worked) {
    my ($scopes, $request, $outcome) = @{ $worked[ $n - 1 ] };
    $scopes = $before if $scopes eq 'the same';
    $before = $scopes =~ s/ \(.*\)$|, no fhirUser$//r;
    # "GET Observation?x", "PUT lab -> vital", "any"
    my ($method, $rest) = $request =~ /^([A-Z]+) (.*)$/;
    $rest = '' if !defined $rest || $rest !~ /^[A-Z][a-z]+(?:\?|$)/;
    $rest =~ s/=P\b/=p1/;
    my $as = !$method ? qr/./ : length $rest ? qr{^$method /\Q$rest\E$} : qr{^$method /};
    my @of = grep { $_->{name} =~ /\bworked $n\b/ } @cases;
    my @exact = grep { ($_->{scope} // '') eq $before && $_->{request} =~ $as } @of;
    ok(@exact, "worked $n: $before, $request") || diag("no case has these scopes and this request");
    ok((grep { refused($_) } @exact), "worked $n: refused") if $outcome =~ /^403/;
    ok((grep { !refused($_) } @exact), "worked $n: allowed") if $outcome !~ /^403/;
    ok((grep { refused($_) && ($_->{scope} // '') eq $before } @of), "worked $n: a count is refused") if $outcome =~ /count refused/;
    ok((grep { exists $_->{shows} || $_->{removed} } @of), "worked $n: what comes back") if $outcome =~ /dropped|each entry/;
    ok((grep { $_->{kept} } @of), "worked $n: what stays") if $outcome =~ /stay/;
    ok((grep { $_->{context} } @of), "worked $n: what is injected") if $outcome =~ /injected/;
}
done_testing();
