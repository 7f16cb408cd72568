#!/usr/bin/perl
# Writes src/protocol/unicode_table.h: the code points of four Unicode properties as sorted ranges.
#	tools/unicode-table.pl > src/protocol/unicode_table.h
use strict;
use warnings;
use Unicode::UCD;

my %tables = (
	alphabetic => qr/\p{Alphabetic}/,
	numeric    => qr/[\p{Nd}\p{Nl}\p{No}]/,
	uppercase  => qr/\p{Uppercase}/,
	lowercase  => qr/\p{Lowercase}/,
);

print "/* Made by tools/unicode-table.pl from Unicode ", Unicode::UCD::UnicodeVersion(), ". */\n";
for my $name (sort keys %tables) {
	my ($first, @ranges);
	for my $point (0x80 .. 0x110000) {
		my $in = $point < 0x110000 && ($point < 0xd800 || $point > 0xdfff)
			&& chr($point) =~ $tables{$name};
		$first = $point if $in && !defined $first;
		if (!$in && defined $first) {
			push @ranges, sprintf("{ 0x%x, 0x%x }", $first, $point - 1);
			undef $first;
		}
	}
	print "\nstatic const struct range $name", "[] = {\n";
	while (my @line = splice @ranges, 0, 4) {
		print "\t", join(", ", @line), ",\n";
	}
	print "};\n";
}
