#!/usr/bin/perl
# What the house promises about itself: which room stands on which, that pure rooms are pure, how long
# functions and files are, and that no tracked file knows the machine it was written on.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp;
use Getopt::Long;

my $cc = 'cc';
GetOptions('cc=s' => \$cc) or exit 2;
chdir dirname(abs_path(__FILE__)) . '/..' or die;

# room => what its files may include, directly or through others; libc and itself go without saying
my %may = (
    base  => [],
    fhir  => [qw(base)],
    jose  => [qw(base openssl jansson)],
    oauth => [qw(base jose jansson)],
    smart => [qw(base fhir)],
);
my %also = ('src/fhir/fhir_patch.c' => ['jansson'], 'src/jose/jose_assertion.c' => ['libjwt']);

# What a pure room never calls: clocks, I/O, logging, the environment, chance, the process.
my $impure = qr/^(?:
    (?:v|f|vf|d|vd|as|vas)?printf | puts | putchar | putc | fputs | fputc | fwrite | perror | fopen
    | fdopen | freopen | fread | fgets | getline | open | openat | creat | read | pread | write | pwrite
    | close | socket | connect | send | recv | poll | select | time | clock | clock_gettime
    | gettimeofday | nanosleep | sleep | usleep | getenv | secure_getenv | setenv | putenv | rand
    | random | srand | srandom | getrandom | exit | _exit | abort | fork | system | signal | sigaction
    | syslog | openlog | localtime(?:_r)? | setlocale | strtok
)(?:_chk)?$/x;

my $libc = qr{^(?:
    (?:bits|sys|gnu|asm|asm-generic|linux)/.*
    | (?:assert|ctype|errno|float|inttypes|iso646|limits|math|setjmp|stdalign|stdarg|stdatomic
        |stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|time|wchar|alloca|endian
        |features|features-time64|stdc-predef)\.h
)$}x;

my $max_function = 60;
my $max_file     = 800;
my $tables       = qr{^src/fhir/fhir_definitions_r\w+\.c$};
my $one_switch   = qr{^src/base/base_json\.c$};

my @findings;
check_rooms();
check_lengths();
check_tracked();
print "$_\n" for @findings;
exit(@findings ? 1 : 0);

sub finding { push @findings, join '', @_; return }

# --- rooms

sub check_rooms {
    my $dir = File::Temp->newdir;

    for my $room (sort keys %may) {
        for my $file (sort glob "src/$room/*.[ch]") {
            check_file($room, $file, $dir);
        }
    }
    return;
}

sub check_file {
    my ($room, $file, $dir) = @_;
    my $header = $file =~ /\.h$/;
    my @mode   = $header ? ('-fsyntax-only', '-x', 'c') : ('-c', '-O1', '-o', "$dir/o");
    my @command = ($cc, '-std=c11', '-w', '-Isrc', @mode, '-MD', '-MF', "$dir/d", $file);

    if (system(@command) != 0) {
        finding("$file: does not compile by itself");
        return;
    }
    my %allowed = map { $_ => 1 } 'libc', $room, @{ $may{$room} }, @{ $also{$file} || [] };
    my %seen;
    for my $path (includes("$dir/d")) {
        my $what = whose($path);
        next if $allowed{$what} || $seen{$what}++;
        finding("$file: $room must not know $what ($path)");
    }
    return if $header;
    for my $symbol (undefined_symbols("$dir/o")) {
        finding("$file: a pure room calls $symbol()") if $symbol =~ s/^__(\w+_chk)$/$1/r =~ $impure;
    }
    return;
}

sub includes {
    my ($path) = @_;
    my $text = slurp($path) =~ s/\\\n/ /gr;

    $text =~ s/^[^:]*://;
    return split ' ', $text;
}

sub whose {
    my ($path) = @_;

    return $1 if $path =~ m{(?:^|/)src/(\w+)/\w+\.[ch]$};
    return 'libc' if $path =~ m{/lib/(?:gcc|clang|llvm[^/]*)/};
    my ($name) = $path =~ m{/include/(?:\w+-linux-gnu/)?(.*)$};
    return $path unless defined $name;
    return 'libc' if $name =~ $libc;
    # openssl/crypto.h brings pthread.h along
    return 'openssl' if $name =~ m{^openssl/|^(?:pthread|sched)\.h$};
    return 'jansson' if $name =~ /^jansson(?:_config)?\.h$/;
    return 'libjwt'  if $name eq 'jwt.h';
    return $name;
}

sub undefined_symbols {
    my ($object) = @_;

    open my $nm, '-|', 'nm', '-u', '-P', $object or die "nm: $!";
    my @symbols = map { (split ' ')[0] } <$nm>;
    close $nm;
    return @symbols;
}

# --- lengths

sub check_lengths {
    my @lengths;

    for my $file (sort glob '*.c src/*/*.[ch] tools/*.[ch] fuzz/*.[ch]') {
        next if $file =~ $tables;
        my $text  = slurp($file);
        my $lines = $text =~ tr/\n//;
        finding("$file: $lines lines: it may hold two nouns")
            if $lines > $max_file && $file !~ $one_switch;
        my ($line, $start) = (0, 0);
        for (split /\n/, $text) {
            $line++;
            $start = $line if /^\{/;
            next unless /^\}\s*$/ && $start;
            push @lengths, $line - $start - 1;
            finding("$file:$start: a function of $lengths[-1] lines")
                if $lengths[-1] > $max_function && $file !~ $one_switch;
            $start = 0;
        }
    }
    return unless @lengths;
    @lengths = sort { $a <=> $b } @lengths;
    printf "functions: %d, median %d lines, longest %d\n", scalar @lengths, $lengths[@lengths / 2],
        $lengths[-1];
    return;
}

# --- tracked files

sub check_tracked {
    my @files = split /\n/, `git ls-files`;
    # Written so that they do not find themselves.
    my %never = (
        'a path of a machine' =>
            qr{(?<![\w.\$\}\)%-])/(?:[w]ork|[r]oot|[h]ome|[f]arm|[U]sers|[t]mp)/\w},
        'the workplace' => qr{\.\./[s]hared/},
        'a registry host' => qr{\b[r]egistry\.(?:npm|yarn)|\b[d]eb\.debian\.org|\b[p]ypi\.org},
    );

    for my $file (grep { -f && -T } @files) {
        my $text = slurp($file);
        for my $what (sort keys %never) {
            finding("$file: $what: $&") if $text =~ $never{$what};
        }
        finding("$file: resolved addresses in the lock") if basename($file) eq 'package-lock.json'
            && $text =~ /"resolved"\s*:\s*"\w+:/;
    }
    return;
}

sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}
