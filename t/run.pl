#!/usr/bin/perl
# Runs test files and sums up their assertions. The last line is "N passed, N failed"; it is also
# written to build/test/summary. A file that crashes, breaks its plan, skips itself or tests nothing
# counts as a failure, whatever it printed before.

use strict;
use warnings;
use File::Path qw(make_path);
use Getopt::Long;
use TAP::Harness;

my ($build_status, $jobs, $valgrind, $seconds) = (0, 1, 0, 300);
GetOptions(
    'build-status=i' => \$build_status,
    'jobs=i'         => \$jobs,
    'valgrind'       => \$valgrind,
    'seconds=i'      => \$seconds,
) or exit 2;

my $build = $ENV{SMART_BUILD} || 'build';
make_path("$build/test");
unlink "$build/test/summary";
$| = 1;

my @files = grep { -e } @ARGV;
my @problems = map { "$_: was not built" } grep { !-e } @ARGV;
push @problems, "the build failed (see above)" if $build_status;
push @problems, "there is nothing to test" unless @ARGV;

my ($passed, $failed) = (0, 0);
if (@files) {
    my $harness = TAP::Harness->new({
        jobs     => $jobs,
        timer    => 1,
        failures => 1,
        exec     => \&command,
    });
    my $result = $harness->runtests(@files);
    for my $file (@files) {
        my ($parser) = $result->parsers($file);
        count($file, $parser);
    }
}

print "\n" if @problems;
print "FAILED $_\n" for @problems;
$failed += @problems;

my $summary = "$passed passed, $failed failed\n";
open my $out, '>', "$build/test/summary" or die "$build/test/summary: $!\n";
print $out $summary;
close $out;
print $summary;
exit($failed ? 1 : 0);

# What cannot end by itself is ended; 5 seconds later it is killed.
sub command {
    my (undef, $file) = @_;
    my @limit = ('timeout', '-k', 5, $seconds);
    return [@limit, $^X, '-It/lib', $file] if $file =~ /\.t$/;
    return [@limit, $file =~ m{^/} ? $file : "./$file"] unless $valgrind;
    return [@limit, qw(valgrind --quiet --leak-check=full --error-exitcode=99), $file];
}

# Skipped assertions proved nothing: they count neither way. A failing TODO is a failure.
sub count {
    my ($file, $parser) = @_;
    my $bad     = $parser->actual_failed;
    my $skipped = grep { $_ } $parser->skipped;

    $passed += $parser->actual_passed - $skipped;
    $failed += $bad;
    push @problems, "$file: $_" for what_broke($parser, $bad);
}

sub what_broke {
    my ($parser, $bad) = @_;
    my $signal = $parser->wait & 127;

    return 'skipped itself: ' . ($parser->skip_all || 'no reason given') if $parser->skip_all;
    return "took longer than $seconds seconds" if $parser->exit == 124 || $parser->exit == 137;
    return "ended by signal $signal" if $signal;
    return 'ran no test (exit status ' . $parser->exit . ')' unless $parser->tests_run;
    return 'bad plan: ' . join '; ', $parser->parse_errors if $parser->parse_errors;
    return 'exit status ' . $parser->exit . ' though every test passed' if $parser->exit && !$bad;
    return;
}
