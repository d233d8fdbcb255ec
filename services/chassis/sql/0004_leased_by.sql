-- Who has a job: a process that starts again takes back what its former life had.
alter table job add column leased_by text;
