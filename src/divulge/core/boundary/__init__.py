"""What stands between divulge and the code, files and disks of others."""
