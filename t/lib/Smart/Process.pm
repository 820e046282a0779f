package Smart::Process;

# Child processes that never outlive the test, ports that no other test takes, and waiting for things.

use strict;
use warnings;
use Fcntl qw(:flock O_RDWR O_CREAT);
use File::Spec;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our %children;    # pid => name, only in the process that started them
my $owner = $$;
my @port_locks;

# TERM and INT run END blocks, which end the children.
$SIG{TERM} = $SIG{INT} = sub { exit 1 };
$SIG{PIPE} = 'IGNORE';

# Runs code in a child process. The code is expected to exec or to loop; the child ends without
# running END blocks.
sub spawn {
    my ($name, $code) = @_;
    my $parent = $$;
    # A signal must not find our handlers in the child: its END blocks would end our children.
    my $signals = POSIX::SigSet->new(POSIX::SIGTERM(), POSIX::SIGINT());
    my $before  = POSIX::SigSet->new;

    POSIX::sigprocmask(POSIX::SIG_BLOCK(), $signals, $before);
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if ($pid) {
        POSIX::sigprocmask(POSIX::SIG_SETMASK(), $before);
        $children{$pid} = $name;
        return $pid;
    }
    %children = ();
    $SIG{TERM} = $SIG{INT} = 'DEFAULT';
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), $before);
    die_with_parent($parent);
    eval { $code->(); 1 } or print STDERR "# $name: $@";
    POSIX::_exit(1);
}

# Linux tells a child when its parent is gone, even after exec; prctl(PR_SET_PDEATHSIG, SIGTERM).
sub die_with_parent {
    my ($parent) = @_;
    my %prctl    = (x86_64 => 157, aarch64 => 167);
    my $number   = $prctl{ (POSIX::uname())[4] };

    syscall($number, 1, POSIX::SIGTERM(), 0, 0, 0) if $number;
    POSIX::_exit(1) if getppid() != $parent;
}

# Sends a signal, waits for the end, kills after the deadline. Returns the wait status.
sub stop {
    my ($pid, $signal, $seconds) = @_;
    my $status;

    return unless delete $children{$pid};
    kill $signal || 'TERM', $pid;
    return $? if reaped($pid, $seconds || 10);
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return $?;
}

# True when the process has ended within the time; its status is in $? then.
sub reaped {
    my ($pid, $seconds) = @_;

    return wait_until(sub { waitpid($pid, WNOHANG) == $pid }, $seconds, 0.01);
}

# True as soon as the code returns true, false after the time.
sub wait_until {
    my ($code, $seconds, $step) = @_;
    my $deadline = time + ($seconds || 5);

    while (1) {
        return 1 if $code->();
        return 0 if time > $deadline;
        sleep($step || 0.02);
    }
}

# A port on 127.0.0.1 below the range of outgoing connections, ours until the test ends.
sub free_port {
    my $dir = File::Spec->catdir(File::Spec->tmpdir, "smart-test-ports-$>");

    mkdir $dir, 0700;
    for (1 .. 200) {
        my $port = 16000 + int rand 16000;
        my $path = File::Spec->catfile($dir, $port);
        sysopen(my $lock, $path, O_RDWR | O_CREAT) or die "$path: $!";
        next unless flock $lock, LOCK_EX | LOCK_NB;
        next unless listener($port);
        push @port_locks, $lock;
        return $port;
    }
    die "no free port\n";
}

sub listener {
    my ($port) = @_;

    return IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $port,
        Listen    => 128,
        ReuseAddr => 1,
    );
}

sub listens {
    my ($port) = @_;

    return !!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1);
}

END {
    if ($$ == $owner) {
        my $status = $?;
        stop($_, 'TERM', 5) for keys %children;
        $? = $status;
    }
}

1;
