// SPDX-License-Identifier: GPL-2.0-only
/* --accounting-mode: whether ttmem-account is writing down what ends. */
#include <string.h>

#include "account_log.h"
#include "base/base.h"
#include "internal.h"
#include "look/accounted.h"
#include "show/show.h"

int print_accounting_mode(FILE *out, const char *wanted)
{
	static const char * const names[] = {
		[ACCOUNTING_UNKNOWN] = "N/A", [ACCOUNTING_ON] = "Enabled",
		[ACCOUNTING_OFF] = "Disabled",
	};
	enum accounting want = ACCOUNTING_UNKNOWN;
	struct accounts accounts;

	if (wanted)
		want = !strcmp(wanted, "1") || ttmem__same(wanted, "ENABLED", SIZE_MAX) ?
		       ACCOUNTING_ON : ACCOUNTING_OFF;
	accounts_read_state(&accounts);
	if (!wanted || want == accounts.state) {
		fprintf(out, "Accounting Mode: %s\n", names[accounts.state]);
		if (accounts.state == ACCOUNTING_ON)
			fprintf(out, "ttmem-account is running%s. It has written %llu client%s into %s\n",
				accounts.recording ? "" : " and waits for ttmem to be loaded",
				(unsigned long long)accounts.since_clients,
				accounts.since_clients == 1 ? "" : "s", ACCOUNT_LOG);
		else if (accounts.state == ACCOUNTING_OFF)
			fputs("ttmem-account is not running: sudo systemctl enable --now ttmem-account\n",
			      out);
		else
			fputs(ACCOUNT_STATE ", which ttmem-account writes, cannot be read\n", out);
		return accounts.state == ACCOUNTING_UNKNOWN ? EXIT_FAILED : EXIT_OK;
	}
	say("accounting is done by a service, which root %s: sudo systemctl %s --now ttmem-account",
	    want == ACCOUNTING_ON ? "enables" : "disables", want == ACCOUNTING_ON ? "enable" : "disable");
	return EXIT_FAILED;
}
