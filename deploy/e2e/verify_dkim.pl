#!/usr/bin/perl
# Verifies DKIM signatures of the files named on standard input with
# Mail::DKIM, an implementation that shares nothing with Gatepost. Usage:
#   verify_dkim.pl DNS_PORT < list-of-files
# Prints "RESULT FILE" a line; the files are in Unix form, as in a Maildir.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;
use Net::DNS::Resolver;

my ($port) = @ARGV;
my $resolver = Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $port, recurse => 0, udp_timeout => 5, retry => 2);
Mail::DKIM::DNS::resolver($resolver);
while (my $file = <STDIN>) {
    chomp $file;
    open(my $in, '<', $file) or die "$file: $!";
    my $dkim = Mail::DKIM::Verifier->new();
    while (my $line = <$in>) {
        $line =~ s/\r?\n\z/\r\n/;
        $dkim->PRINT($line);
    }
    $dkim->CLOSE;
    close $in;
    print $dkim->result, " $file\n";
}
