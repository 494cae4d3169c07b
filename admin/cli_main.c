/* signalbox: the command line. What it does is in admin/cli. */
#include "admin/cli/cli.h"

int main(int argc, char **argv)
{
    return cli_run(argc, argv);
}
