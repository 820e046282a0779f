package Smart::Wire;

# Reads HTTP/1 messages from a socket, with a deadline. Both the client and the upstream use it.

use strict;
use warnings;
use IO::Select;
use Smart::Message;
use Time::HiRes qw(time);

sub new {
    my ($class, $socket) = @_;

    $socket->autoflush(1);
    $socket->blocking(0);
    return bless { socket => $socket, in => '', eof => 0 }, $class;
}

sub socket { $_[0]{socket} }

# Waits for more bytes: true when there are some, false at the end or at the deadline.
sub more {
    my ($self, $deadline) = @_;

    while (!$self->{eof}) {
        my $left = $deadline - time;
        return 0 if $left <= 0 || !IO::Select->new($self->{socket})->can_read($left);
        my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
        return 1 if $n;
        next if !defined $n && ($!{EAGAIN} || $!{EINTR});
        $self->{eof} = 1;
    }
    return 0;
}

# True when everything was written.
sub write {
    my ($self, $bytes, $deadline) = @_;
    my $at = 0;

    while ($at < length $bytes) {
        my $left = $deadline - time;
        return 0 if $left <= 0 || !IO::Select->new($self->{socket})->can_write($left);
        my $n = syswrite $self->{socket}, $bytes, 65536, $at;
        return 0 if !defined $n && !$!{EAGAIN} && !$!{EINTR};
        $at += $n || 0;
    }
    return 1;
}

# The head with its empty line, or undef.
sub head {
    my ($self, $deadline) = @_;

    while ($self->{in} !~ /\r?\n\r?\n/) {
        return unless $self->more($deadline);
    }
    $self->{in} =~ s/^(.*?\r?\n\r?\n)//s;
    return $1;
}

# (bytes as received, decoded body, complete)
sub body {
    my ($self, $deadline, $headers, $until_close) = @_;
    my $message = Smart::Message->new(headers => $headers);
    my $length  = $message->header('Content-Length');

    return $self->chunks($deadline) if lc($message->header('Transfer-Encoding') || '') eq 'chunked';
    if (defined $length) {
        my $bytes = $self->take($length, $deadline);
        return ($bytes, $bytes, length $bytes == $length);
    }
    return ('', '', 1) unless $until_close;
    1 while $self->more($deadline);
    my $bytes = substr $self->{in}, 0, length $self->{in}, '';
    return ($bytes, $bytes, $self->{eof});
}

# Up to n bytes: fewer when the connection or the time ends.
sub take {
    my ($self, $n, $deadline) = @_;

    while (length $self->{in} < $n) {
        last unless $self->more($deadline);
    }
    return substr $self->{in}, 0, $n, '';
}

sub chunks {
    my ($self, $deadline) = @_;
    my ($raw, $body) = ('', '');

    while (defined(my $line = $self->line($deadline))) {
        $raw .= $line;
        my $size = hex(($line =~ /^([0-9a-f]+)/i)[0] || 0);
        if ($size == 0) {
            my $end = $self->trailer($deadline);
            return ($raw . ($end || ''), $body, defined $end);
        }
        my $chunk = $self->take($size + 2, $deadline);
        $raw .= $chunk;
        $body .= substr $chunk, 0, $size;
        last if length $chunk < $size + 2;
    }
    return ($raw, $body, 0);
}

sub trailer {
    my ($self, $deadline) = @_;
    my $trailer = '';

    while (defined(my $line = $self->line($deadline))) {
        $trailer .= $line;
        return $trailer if $line =~ /^\r?\n$/;
    }
    return;
}

sub line {
    my ($self, $deadline) = @_;

    while (index($self->{in}, "\n") < 0) {
        return unless $self->more($deadline);
    }
    return substr $self->{in}, 0, 1 + index($self->{in}, "\n"), '';
}

1;
