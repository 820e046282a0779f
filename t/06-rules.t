# Every rule of docs/rules.md A, B, C, D, E, F and L that the request alone decides has a case in t/cases/decide.jsonl or a test that cites it.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

# The rules, by their own numbering.
my @rules = slurp('docs/rules.md') =~ /^([ABCDEFL]\d+a?)\. /mg;
ok(@rules > 90, 'there are rules: ' . @rules);

# What cites them: a case's "rule" or name, a test's comment or name.
my %cited;
for my $file ('t/cases/decide.jsonl', glob('t/*.t'), glob('t/unit/*.c')) {
    next if $file eq 't/06-rules.t';
    my $text = slurp($file);
    $cited{$1}++ while $text =~ /\b([ABCDEFL]\d+a?)\b/g;

    # "D1-D4" cites what lies between
    while ($text =~ /\b([ABCDEFL])(\d+)a?-\1(\d+)a?\b/g) {
        $cited{"$1$_"}++ for $2 .. $3;
    }
}

# Those of answers, logs, other protocols, and what is refused as a whole today. Each leaves this list with its first case.
my %later = map { $_ => 1 } qw(A26 B15 B16 D12 D14 F4 L14 L15 L18 L21);

for my $rule (@rules) {
    next if $later{$rule} && !$cited{$rule};
    ok($cited{$rule}, "$rule has a case") || diag("rule $rule has none");
}

my (%allowed, %refused);
for my $line (split /\n/, slurp('t/cases/decide.jsonl')) {
    next if $line !~ /^\{/;
    my $to = $line =~ /"step":"refuse"/ ? \%refused : \%allowed;
    $to->{$1}++ while $line =~ /\b([ABCDEFL]\d+a?)\b/g;
}
note('only refused: ' . join ' ', grep { $refused{$_} && !$allowed{$_} } @rules);
note('only allowed: ' . join ' ', grep { $allowed{$_} && !$refused{$_} } @rules);
done_testing();
